"""Raw trees to the harmonised form: pixels kept, manifest and COCO true to it, interrupted work taken up."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as PilImage
from pycocotools import mask as coco_mask

from components.contract import Contract
from components.engines import Threads
from components.errors import DataFaultsError, LayoutError
from components.intake import harmonise as module
from components.intake.form.records import (
    COCO,
    MANIFEST,
    MANIFEST_SCHEMA,
    image_png,
    load_image,
    load_instances,
    open_manifest,
    read_manifest,
    read_manifests,
    read_split,
)
from components.intake.harmonise import harmonise
from components.intake.measuring import facts
from components.intake.measuring.pixels import pixels_md5
from components.masks import tight_box
from components.preprocess import decode_image
from tests.components.intake.raw_trees import BUILDERS, Tree, save, speckle

ContractOf = Callable[[str], Contract]


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_the_manifest_is_true_to_the_files(
    name: str, tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    out = tmp_path / "02" / name
    done = harmonise(contract_of(name), tree(name), out=out, phantom=True, contracts=contracts, engine=Threads(2))
    records = read_manifest(out)
    assert records == sorted(done.records, key=lambda record: record.image_id)
    assert {path.name for path in out.iterdir()} == {"manifest.parquet", "coco.json", "croissant.json", "shards"}
    assert [path.name for path in out.parent.iterdir()] == [name]
    for record in records:
        image, instances = load_image(record), load_instances(record)
        assert image.shape == (record.height_px, record.width_px, 3)
        assert pixels_md5(image) == record.pixels_md5
        assert instances.shape == image.shape[:2]
        assert set(np.unique(instances)) - {0} == {truth.index for truth in record.objects}
        for truth in record.objects:
            assert tight_box(instances == truth.index) == truth.box_xyxy
            assert (instances == truth.index).sum() == truth.area_px
        assert record.phantom
        assert record.spacing_mm is None
        assert record.spacing_source is None


def test_pixels_are_those_of_the_original_and_grey_stays_grey(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("tn3k")
    coloured = np.stack([speckle(1), speckle(2), speckle(3)], axis=2)
    save(raw / "test-image/0000.jpg", coloured)
    out = tmp_path / "out"
    harmonise(contract_of("tn3k"), raw, out=out, phantom=True, contracts=contracts)
    records = {record.image_id: record for record in read_manifest(out)}
    for image_id, mode in (("test_0000", "RGB"), ("test_0001", "L")):
        source = raw / f"test-image/{image_id[5:]}.jpg"
        assert np.array_equal(load_image(records[image_id]), decode_image(source.read_bytes(), name="source"))
        with PilImage.open(io.BytesIO(image_png(records[image_id]))) as stored:
            assert stored.mode == mode


def test_coco_comes_back_to_the_same_masks(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    out = tmp_path / "out"
    harmonise(contract_of("fugc"), tree("fugc"), out=out, phantom=True, contracts=contracts)
    coco = json.loads((out / COCO).read_text())
    records = {record.image_id: record for record in read_manifest(out)}
    images = {image["id"]: image for image in coco["images"]}
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert len(coco["annotations"]) == sum(len(record.objects) for record in records.values()) == 12
    for annotation in coco["annotations"]:
        record = records[images[annotation["image_id"]]["image_id"]]
        mask = coco_mask.decode(annotation["segmentation"]).astype(bool)
        truth = next(t for t in record.objects if t.label == names[annotation["category_id"]])
        assert np.array_equal(mask, load_instances(record) == truth.index)
        x, y, width, height = annotation["bbox"]
        assert (x, y, x + width, y + height) == truth.box_xyxy
        assert annotation["area"] == truth.area_px


def test_equal_data_give_equal_bytes_with_any_number_of_workers(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("ddti")
    contents = []
    for workers in (1, 3):
        out = tmp_path / f"out{workers}"
        harmonise(contract_of("ddti"), raw, out=out, phantom=False, contracts=contracts, engine=Threads(workers))
        contents.append(files_of(out))
    assert contents[0] == contents[1]


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_images_that_a_crash_lost_or_altered_are_done_again(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out = tree("udiat"), tmp_path / "out"
    with monkeypatch.context() as patched, pytest.raises(OSError, match="disk full"):
        patched.setattr(module, "_publish", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
        harmonise(contract_of("udiat"), raw, out=out, phantom=False, contracts=contracts)
    spool = tmp_path / ".out.partial.tmp" / module.SPOOL
    kept = bytearray(spool.read_bytes())
    kept[10] ^= 1
    spool.write_bytes(kept[:-5])
    assert harmonise(contract_of("udiat"), raw, out=out, phantom=False, contracts=contracts).resumed == 2
    fresh = tmp_path / "fresh"
    harmonise(contract_of("udiat"), raw, out=fresh, phantom=False, contracts=contracts)
    assert files_of(out) == files_of(fresh)


def test_a_shard_that_is_cut_off_says_so(tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path) -> None:
    out = tmp_path / "out"
    harmonise(contract_of("udiat"), tree("udiat"), out=out, phantom=False, contracts=contracts)
    first, *_, last = read_manifest(out)
    shard = out / "shards/000000.tar"
    shard.write_bytes(shard.read_bytes()[: last.image_span[0]])
    assert load_image(first).shape == (160, 180, 3)
    with pytest.raises(LayoutError, match=r"000000\.tar ends before udiat/000004"):
        load_image(last)


def test_interrupted_work_is_taken_up_and_changed_files_are_done_again(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out = tree("udiat"), tmp_path / "out"
    real = module._make
    made: list[str] = []

    def stops_at_the_third(case, **rest):  # type: ignore[no-untyped-def]
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(case.image_id)
        return real(case, **rest)

    monkeypatch.setattr(module, "_make", stops_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        harmonise(contract_of("udiat"), raw, out=out, phantom=False, contracts=contracts)
    assert not out.exists()
    monkeypatch.setattr(module, "_make", real)
    save(raw / "BUS/original/000002.png", speckle(999))
    done = harmonise(contract_of("udiat"), raw, out=out, phantom=False, contracts=contracts)
    assert done.resumed == 1
    fresh = tmp_path / "fresh"
    harmonise(contract_of("udiat"), raw, out=fresh, phantom=False, contracts=contracts)
    assert files_of(out) == files_of(fresh)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_work_begun_for_phantoms_is_not_used_for_real_images(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out = tree("udiat"), tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(module, "_publish", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            harmonise(contract_of("udiat"), raw, out=out, phantom=True, contracts=contracts)
    assert harmonise(contract_of("udiat"), raw, out=out, phantom=False, contracts=contracts).resumed == 0


def test_work_begun_by_other_code_is_thrown_away(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out, code = tree("udiat"), tmp_path / "out", tmp_path / "code.py"
    code.write_text("before = 1\n")
    monkeypatch.setattr(facts, "CODE", (*facts.CODE, code))

    def begin() -> None:
        with monkeypatch.context() as patched, pytest.raises(OSError, match="disk full"):
            patched.setattr(module, "_publish", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
            harmonise(contract_of("udiat"), raw, out=out, phantom=True, contracts=contracts)

    begin()
    assert harmonise(contract_of("udiat"), raw, out=out, phantom=True, contracts=contracts).resumed == 4
    begin()
    code.write_text("after = 1\n")
    assert harmonise(contract_of("udiat"), raw, out=out, phantom=True, contracts=contracts).resumed == 0


def test_errors_stop_it_and_the_old_result_stays(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    raw, out = tree("udiat"), tmp_path / "out"
    harmonise(contract_of("udiat"), raw, out=out, phantom=False, contracts=contracts)
    before = (out / MANIFEST).read_bytes()
    save(raw / "BUS/GT/000001.png", np.zeros((160, 180), np.uint8))
    with pytest.raises(DataFaultsError, match=r"udiat: 1 error; the first, empty_mask in BUS/GT/000001\.png"):
        harmonise(contract_of("udiat"), raw, out=out, phantom=False, contracts=contracts)
    (raw / "BUS/GT/000001.png").unlink()
    with pytest.raises(DataFaultsError, match="image_without_mask"):
        harmonise(contract_of("udiat"), raw, out=out, phantom=False, contracts=contracts)
    assert (out / MANIFEST).read_bytes() == before


def test_a_manifest_can_be_moved_and_is_documented(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    out = tmp_path / "internal" / "udiat"
    harmonise(contract_of("udiat"), tree("udiat"), out=out, phantom=False, contracts=contracts)
    moved = tmp_path / "elsewhere" / "udiat"
    shutil.move(out, moved)
    assert load_image(read_manifests(moved.parent)["udiat"][0]).shape == (160, 180, 3)
    schema = pq.read_schema(moved / MANIFEST)
    assert schema.names == MANIFEST_SCHEMA.names
    assert all(b"meaning" in field.metadata for field in schema)


def test_records_on_the_disk_are_those_of_the_manifest(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    out = tmp_path / "udiat"
    harmonise(contract_of("udiat"), tree("udiat"), out=out, phantom=True, contracts=contracts)
    opened, expected = open_manifest(out), read_manifest(out)
    assert list(opened) == [opened[at] for at in range(len(opened))] == expected and len(expected) == 4
    shutil.rmtree(out)
    assert list(opened) == expected, "the manifest isn't needed any more"


def test_other_manifests_and_splits_are_refused(tmp_path: Path) -> None:
    for read in (read_manifest, open_manifest):
        with pytest.raises(LayoutError, match=r"no manifest\.parquet"):
            read(tmp_path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / MANIFEST)
    for read in (read_manifest, open_manifest):
        with pytest.raises(LayoutError, match="version none"):
            read(tmp_path)
    pq.write_table(
        pa.table({"a": [1]}).replace_schema_metadata({"sonoforge.manifest.version": "1"}), tmp_path / MANIFEST
    )
    with pytest.raises(LayoutError, match="version 1") as refused:
        read_manifest(tmp_path)
    assert f"dvc repro harmonise@{tmp_path.name}" in refused.value.remedy
    (tmp_path / MANIFEST).write_text("no parquet")
    with pytest.raises(LayoutError, match="can't be read"):
        read_manifest(tmp_path)
    (tmp_path / "split.csv").write_text("dataset,image_id,group,split\na,0007,NA,train\n")
    assert read_split(tmp_path / "split.csv").to_dict("records") == [
        {"dataset": "a", "image_id": "0007", "group": "NA", "split": "train"}
    ]
    (tmp_path / "split.csv").write_text("dataset,image_id,group,split\na,0007,g,trian\n")
    with pytest.raises(LayoutError, match="trian"):
        read_split(tmp_path / "split.csv")
    (tmp_path / "split.csv").write_text("dataset,image_id,group,split\na,0007,g,train\na,00")
    with pytest.raises(LayoutError, match="may be cut"):
        read_split(tmp_path / "split.csv")
    (tmp_path / "split.csv").write_text("dataset,image_id,group,split\na,0007,g,train\na,0008,h,val\na,0007,g,test\n")
    with pytest.raises(LayoutError, match="names a/0007 twice"):
        read_split(tmp_path / "split.csv")
    (tmp_path / "split.csv").write_text("dataset,split\na,train\n")
    with pytest.raises(LayoutError, match="columns"):
        read_split(tmp_path / "split.csv")


@pytest.mark.parametrize(
    "damaged",
    [b"", b"a,0007,g,train\na,0008,g,train,more\n", b"\xff\xfe,0007,g,train\n", b'a,"0007,g,train\n'],
    ids=["nothing", "a cell more", "not UTF-8", "an open quote"],
)
def test_a_split_file_that_is_damaged_is_told(tmp_path: Path, damaged: bytes) -> None:
    header = b"dataset,image_id,group,split\n" if damaged else b""
    (tmp_path / "split.csv").write_bytes(header + damaged)
    with pytest.raises(LayoutError, match=r"split\.csv can't be read"):
        read_split(tmp_path / "split.csv")


def test_no_image_whose_name_tells_of_a_person_gets_in(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    """From the harmonised form on, ids stand in reports and in data/sides.csv, which goes into git."""
    raw, contract = tree("udiat"), contract_of("udiat")
    for kind in ("original", "GT"):
        (raw / f"BUS/{kind}/000003.png").rename(raw / f"BUS/{kind}/Mueller_Anna.png")
    with pytest.raises(DataFaultsError, match="identity_in_name"):
        harmonise(contract, raw, out=tmp_path / "out", phantom=True, contracts=contracts)
    assert not (tmp_path / "out").exists()
    known = contract.model_copy(update={"severity": {"identity_in_name": "info"}})
    done = harmonise(known, raw, out=tmp_path / "out", phantom=True, contracts=contracts)
    assert "Mueller_Anna" in {record.image_id for record in done.records}


def test_warnings_about_an_image_are_flags_of_its_record(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    raw, contract = tree("udiat"), contract_of("udiat")
    for kind in ("original", "GT"):
        (raw / f"BUS/{kind}/000003.png").rename(raw / f"BUS/{kind}/1961-03-27.png")
    save(raw / "BUS/original/000002.png", np.random.default_rng(0).integers(0, 256, (160, 180), np.uint8))
    harmonise(contract, raw, out=tmp_path / "out", phantom=True, contracts=contracts)
    flags = {record.image_id: record.flags for record in read_manifest(tmp_path / "out")}
    dated = flags.pop("1961-03-27")
    assert dated == ("date_in_name",) and flags.pop("000002") == ("only_noise",) and set(flags.values()) == {()}
    harmless = contract.model_copy(update={"severity": {"date_in_name": "info"}})
    done = harmonise(harmless, raw, out=tmp_path / "other", phantom=True, contracts=contracts)
    assert [record.flags for record in done.records if record.image_id == "1961-03-27"] == [()]
