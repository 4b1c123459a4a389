"""Quarantine: what reviewers took out or mended in a contract, in every layout; nothing else of the data changes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from components.contract import Contract, Quarantined
from components.errors import ContractError, DataFaultsError
from components.intake import harmonise as module
from components.intake.form.records import load_image, read_manifest
from components.intake.harmonise import harmonise
from components.intake.layouts import LayoutReading, read_layout
from components.intake.validate_data import check_data
from components.preprocess import decode_image
from components.types import Fault
from tests.components.intake.raw_trees import BUILDERS, Tree, binary, ddti_xml, disc, region, save, speckle

ContractOf = Callable[[str], Contract]
REVIEW: dict[str, Any] = {"reason": "shows another scene", "reviewer": "A. Steward", "date": date(2026, 11, 22)}
REVIEWED = "shows another scene (A. Steward, 2026-11-22)"
BENIGN = "Dataset_BUSI_with_GT/benign"


def exclude(file: str) -> Quarantined:
    return Quarantined(file=file, action="exclude", **REVIEW)


def correct(file: str, contracts: Path, content: Path | bytes, name: str = "mended.png") -> Quarantined:
    """An entry whose replacement is written beside the contracts."""
    data = content.read_bytes() if isinstance(content, Path) else content
    (contracts / name).write_bytes(data)
    return Quarantined(
        file=file, action="correct", replacement=name, replacement_sha256=hashlib.sha256(data).hexdigest(), **REVIEW
    )


def listing(contract: Contract, *entries: Quarantined) -> Contract:
    """The contract with entries in its quarantine, as the schema sees them."""
    return Contract.model_validate({**contract.model_dump(), "quarantine": [one.model_dump() for one in entries]})


def of_code(faults: Sequence[Fault], code: str) -> list[tuple[str, str, str]]:
    return [(one.severity, one.file, one.found) for one in faults if one.code == code]


@pytest.fixture
def beside(tmp_path: Path, contracts: Path) -> Path:
    """A copy of the project's contracts, which may get corrections."""
    return Path(shutil.copytree(contracts, tmp_path / "contracts"))


def relative(reading: LayoutReading, path: Path) -> str:
    return path.relative_to(reading.root).as_posix()


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_an_image_leaves_every_layout_with_its_annotation_and_nothing_else(
    name: str, tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw, contract = tree(name), contract_of(name)
    before = read_layout(contract, raw, contracts=contracts)
    files = sorted(path for path in raw.rglob("*") if path.is_file())
    gone = before.cases[0]
    quarantined = listing(contract, exclude(relative(before, gone.image)))
    after = read_layout(quarantined, raw, contracts=contracts)
    assert list(after.cases) == list(before.cases[1:])
    assert list(after.excluded) == [gone]
    assert [one for one in after.faults if one.code != "quarantined"] == list(before.faults)
    file = gone.image.relative_to(raw).as_posix()
    assert of_code(after.faults, "quarantined") == [("info", file, f"excluded: {REVIEWED}")]
    assert sorted(path for path in raw.rglob("*") if path.is_file()) == files
    checks = [check_data(one, raw, contracts=contracts) for one in (contract, quarantined)]
    assert checks[0].counts.equals(checks[1].counts), "an excluded image is still part of the copy"
    assert list(checks[1].facts.frame()["image_id"]) == [case.image_id for case in after.cases]


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_a_corrected_image_keeps_its_name_in_every_layout(
    name: str, tree: Tree, tmp_path: Path, contract_of: ContractOf, beside: Path
) -> None:
    raw, contract = tree(name), contract_of(name)
    before = read_layout(contract, raw, contracts=beside)
    first = before.cases[0]
    published = first.image.read_bytes()
    size = check_data(contract, raw, contracts=beside).facts.frame().iloc[0]
    save(beside / "new.png", speckle(4711, height=size["height_px"], width=size["width_px"]))
    contract = listing(contract, correct(relative(before, first.image), beside, beside / "new.png"))
    checked = check_data(contract, raw, contracts=beside)
    name_of_it = first.image.relative_to(raw).as_posix()
    assert checked.facts.frame().iloc[0]["image_file"] == name_of_it
    assert of_code(checked.faults, "quarantined") == [("info", name_of_it, f"corrected by mended.png: {REVIEWED}")]
    harmonise(contract, raw, out=tmp_path / "out", phantom=False, contracts=beside)
    record = read_manifest(tmp_path / "out")[0]
    assert record.image_id == first.image_id
    new = decode_image((beside / "mended.png").read_bytes(), name="mended.png")
    assert np.array_equal(load_image(record), new)
    assert first.image.read_bytes() == published


def test_a_mask_leaves_its_image_with_the_others(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw, contract = tree("busi"), contract_of("busi")
    objects = check_data(contract, raw, contracts=contracts).facts.frame().set_index("image_id")["objects"]
    contract = listing(contract, exclude("benign/benign (2)_mask_1.png"))
    checked = check_data(contract, raw, contracts=contracts)
    after = checked.facts.frame().set_index("image_id")
    assert objects["benign_2"] == 2 and after.loc["benign_2", "objects"] == 1
    assert after.loc["benign_2", "mask_files"] == f"{BENIGN}/benign (2)_mask.png"
    assert after["objects"].drop("benign_2").equals(objects.drop("benign_2"))
    assert checked.sound


@pytest.mark.parametrize(("name", "severity"), [("udiat", "error"), ("fugc", "info")])
def test_an_image_whose_only_mask_is_out_is_an_image_without_mask(
    name: str, severity: str, tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw, contract = tree(name), contract_of(name)
    first = read_layout(contract, raw, contracts=contracts).cases[0]
    contract = listing(contract, exclude(first.masks[0].relative_to(raw).as_posix()))
    checked = check_data(contract, raw, contracts=contracts)
    code = "image_without_mask" if severity == "error" else "unlabelled_image"
    file = first.image.relative_to(raw).as_posix()
    assert (severity, file) in {(level, where) for level, where, _ in of_code(checked.faults, code)}
    assert first.image_id not in set(checked.facts.frame()["image_id"])
    assert checked.sound == (severity == "info")


def test_a_sheet_of_outlines_takes_its_images_with_it(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("ddti")
    (raw / "3.xml").write_text("<case")
    contract = listing(contract_of("ddti"), exclude("1.xml"), exclude("3.xml"))
    checked = check_data(contract, raw, contracts=contracts)
    assert set(checked.facts.frame()["group"]) == {"2"}
    assert {file for _, file, _ in of_code(checked.faults, "unlabelled_image")} == {"1_1.jpg", "1_2.jpg"}
    assert of_code(checked.faults, "bad_xml") == of_code(checked.faults, "quarantine_unused") == []
    assert checked.sound


def test_faults_of_an_excluded_file_are_no_faults_any_more(
    tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("busi")
    place = raw / BENIGN
    (place / "benign (1).png").write_bytes(b"no image")
    save(place / "benign (8)_mask.png", binary(disc()))
    save(place / "benign (9).png", speckle(9))
    (place / "notes.txt").write_text("hello")
    assert not check_data(contract_of("busi"), raw, contracts=contracts).sound
    files = ["benign (1).png", "benign (8)_mask.png", "benign (9).png", "notes.txt"]
    contract = listing(contract_of("busi"), *(exclude(f"benign/{file}") for file in files))
    faults = check_data(contract, raw, contracts=contracts).faults
    left = {one.code for one in faults} - {
        "image_count",
        "class_count",
        "related_absent",
        "together_unused",
        "flagged_in_list",
    }
    assert left == {"quarantined"}
    assert [file for _, file, _ in of_code(faults, "quarantined")] == [f"{BENIGN}/{file}" for file in files]


def test_double_ids_are_judged_after_the_quarantine(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("busi")
    for other in ("benign_(1)", "benign__1_"):
        for infix in ("", "_mask"):
            shutil.copy(raw / BENIGN / f"benign (1){infix}.png", raw / BENIGN / f"{other}{infix}.png")
    ids = [f"{BENIGN}/{name}.png" for name in ("benign (1)", "benign_(1)", "benign__1_")]
    for out, left in (([], 3), (ids[:1], 2), (ids[1:2], 2), (ids[:2], 0), (ids[1:], 0)):
        contract = listing(contract_of("busi"), *map(exclude, out))
        faults = read_layout(contract, raw, contracts=contracts).faults
        found = [what for _, _, what in of_code(faults, "duplicate_image_id")]
        assert found == ([f"{left} images get the id 'benign_1'"] if left else [])


def test_a_corrected_mask_is_read_in_place_of_the_published_one(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, beside: Path
) -> None:
    raw = tree("udiat")
    save(raw / "BUS/GT/000001.png", np.zeros((160, 180), np.uint8))
    assert not check_data(contract_of("udiat"), raw, contracts=beside).sound
    save(beside / "drawn.png", binary(disc(at=(60, 60))))
    contract = listing(contract_of("udiat"), correct("GT/000001.png", beside, beside / "drawn.png"))
    checked = check_data(contract, raw, contracts=beside)
    assert checked.sound
    assert checked.facts.frame().iloc[0]["mask_files"] == "BUS/GT/000001.png"
    harmonise(contract, raw, out=tmp_path / "out", phantom=False, contracts=beside)
    assert read_manifest(tmp_path / "out")[0].objects[0].box_xyxy == (40, 40, 81, 81)


def test_what_is_wrong_with_a_correction_is_told_of_the_published_file(
    tree: Tree, contract_of: ContractOf, beside: Path
) -> None:
    raw = tree("udiat")
    entry = correct("GT/000001.png", beside, b"no image")
    checked = check_data(listing(contract_of("udiat"), entry), raw, contracts=beside)
    ((severity, file, found),) = of_code(checked.faults, "unreadable_mask")
    assert (severity, file) == ("error", "BUS/GT/000001.png")
    assert "mended.png" in found


def test_a_correction_that_is_missing_or_altered_stops_at_once(
    tree: Tree, contract_of: ContractOf, beside: Path
) -> None:
    raw = tree("udiat")
    contract = listing(contract_of("udiat"), correct("GT/000001.png", beside, b"reviewed"))
    (beside / "mended.png").write_bytes(b"altered")
    with pytest.raises(ContractError, match=r"GT/000001\.png: .*mended\.png has sha256 (.|\n)*replacement_sha256"):
        check_data(contract, raw, contracts=beside)
    (beside / "mended.png").unlink()
    with pytest.raises(ContractError, match=r"no file .*mended\.png(.|\n)*sha256"):
        check_data(contract, raw, contracts=beside)


def test_two_masks_of_an_image_are_not_corrected_under_one_name(
    tree: Tree, contract_of: ContractOf, beside: Path
) -> None:
    raw = tree("busi")
    mask = raw / BENIGN / "benign (2)_mask.png"
    entry = correct("benign/benign (2)_mask.png", beside, mask, "benign (2)_mask_1.png")
    with pytest.raises(ContractError, match=r"masks of benign \(2\)\.png would both(.|\n)*rename the replacement"):
        read_layout(listing(contract_of("busi"), entry), raw, contracts=beside)


def test_entries_that_do_nothing_are_told(tree: Tree, contract_of: ContractOf, beside: Path) -> None:
    raw = tree("ddti")
    (raw / "notes.txt").write_text("hello")
    contract = listing(contract_of("ddti"), exclude("99_1.jpg"), correct("notes.txt", beside, b"mended"))
    reading = read_layout(contract, raw, contracts=beside)
    assert of_code(reading.faults, "quarantine_unused") == [
        ("warning", "99_1.jpg", "no such file to exclude"),
        ("warning", "notes.txt", "nothing of this file is read, so that it can't be corrected"),
    ]
    assert len(reading.cases) == 4


def test_a_corrected_sheet_of_outlines_is_read_in_place_of_the_published_one(
    tree: Tree, contract_of: ContractOf, beside: Path
) -> None:
    raw = tree("ddti")
    (raw / "1.xml").write_text("<case")
    other = json.dumps([region((5, 5), (15, 5), (15, 15), (5, 15))])
    mended = ddti_xml({"1": other, "2": other}).encode()
    contract = listing(contract_of("ddti"), correct("1.xml", beside, mended, "1.xml"))
    checked = check_data(contract, raw, contracts=beside)
    assert checked.sound
    assert of_code(checked.faults, "quarantined") == [("info", "1.xml", f"corrected by 1.xml: {REVIEWED}")]
    area = checked.facts.frame().set_index("image_id")["foreground_share"] * 160 * 180
    assert (area["1_1"], area["1_2"]) == (100, 100)
    (beside / "1.xml").write_bytes(b"<case")
    broken = hashlib.sha256(b"<case").hexdigest()
    entry = contract.quarantine[0].model_copy(update={"replacement_sha256": broken})
    ((_, file, _),) = of_code(read_layout(listing(contract, entry), raw, contracts=beside).faults, "bad_xml")
    assert file == "1.xml"


def test_a_table_can_be_corrected_but_not_excluded(tree: Tree, contract_of: ContractOf, beside: Path) -> None:
    raw = tree("tn3k")
    (raw / "label4test.csv").write_text("0000.jpg,0\n0001.jpg,0\n0002.jpg,0\n")
    mended = b"0000.jpg,1\n0001.jpg,0\n0002.jpg,1\n"
    contract = listing(contract_of("tn3k"), correct("label4test.csv", beside, mended, "labels.csv"))
    facts = check_data(contract, raw, contracts=beside).facts.frame()
    classes = list(facts[facts["official_split"] == "test"]["subject_class"])
    assert classes == ["malignant", "benign", "malignant"]
    reading = read_layout(listing(contract_of("tn3k"), exclude("label4test.csv")), raw, contracts=beside)
    assert [found for _, _, found in of_code(reading.faults, "quarantine_unused")] == [
        "its rows are read all the same; correct it instead"
    ]


def test_a_file_has_one_entry_and_stays_within_the_dataset(
    tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    with pytest.raises(ValueError, match=r"more than one entry for GT/000001\.png"):
        listing(contract_of("udiat"), exclude("GT/000001.png"), exclude("GT/000001.png"))
    contract = listing(contract_of("udiat"), exclude("GT/000001.png"), exclude("BUS/GT/000001.png"))
    with pytest.raises(ContractError, match="are one file"):
        read_layout(contract, tree("udiat"), contracts=contracts)
    for outside in ("/etc/passwd", "../other/a.png", "GT\\a.png", ""):
        with pytest.raises(ValueError, match="may lead out of its folder"):
            exclude(outside)


def test_phantoms_only_share_the_names(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("udiat")
    contract = listing(contract_of("udiat"), exclude("original/000001.png"))
    reading = read_layout(contract, raw, phantom=True, contracts=contracts)
    assert (len(reading.cases), reading.faults) == (4, ())


def test_a_dataset_that_is_all_in_quarantine_has_no_images(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    contract = listing(contract_of("udiat"), *(exclude(f"original/{n:06d}.png") for n in range(1, 5)))
    with pytest.raises(DataFaultsError, match="no_images"):
        harmonise(contract, tree("udiat"), out=tmp_path / "out", phantom=False, contracts=contracts)


def test_after_an_interrupt_only_what_the_quarantine_touches_is_done_again(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out = tree("udiat"), tmp_path / "out"
    with monkeypatch.context() as patched, pytest.raises(OSError, match="disk full"):
        patched.setattr(module, "_publish", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
        harmonise(contract_of("udiat"), raw, out=out, phantom=False, contracts=beside)
    contract = listing(
        contract_of("udiat"),
        exclude("original/000001.png"),
        correct("GT/000002.png", beside, raw / "BUS/GT/000002.png"),
    )
    done = harmonise(contract, raw, out=out, phantom=False, contracts=beside)
    assert (len(done.records), done.resumed) == (3, 2)
    assert [record.image_id for record in read_manifest(out)] == ["000002", "000003", "000004"]
    fresh = tmp_path / "fresh"
    harmonise(contract, raw, out=fresh, phantom=False, contracts=beside)
    assert {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()} == {
        p.relative_to(fresh): p.read_bytes() for p in fresh.rglob("*") if p.is_file()
    }


def test_the_graph_reruns_the_stages_that_read_the_contract_and_no_other_datasets(root: Path) -> None:
    """Stages depend on their own dataset's contract, which pins corrections by sha256; so it stands for them all."""
    stages = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    reading = {name for name, stage in stages.items() if "data/contracts" in json.dumps(stage.get("do", stage))}
    # `split` compares all contracts, for datasets of the same patients, and `document` tells their licences; neither
    # reads a raw file.
    of_all = {"split", "document"}
    assert reading == {"ingest", "validate_data", "harmonise"} | of_all
    for name in reading - of_all:
        declared = [dep for dep in stages[name]["do"]["deps"] if dep.startswith("data/contracts")]
        assert declared == ["data/contracts/${key}.yaml"]
        assert "foreach" in stages[name]
