"""Croissant: valid by MLCommons' own reader, true to the files, loadable, the same bytes for the same data."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlcroissant
import numpy as np
import pytest
from etils import epath
from PIL import Image as PilImage

from components.artefacts import sha256_of, write_json
from components.contract import Contract
from components.intake.form.croissant import cited, to_croissant
from components.intake.form.records import CROISSANT, MANIFEST_SCHEMA, load_image, load_instances, read_manifest
from components.intake.form.shards import ShardWriter
from components.intake.harmonise import harmonise
from components.types import Record
from tests.components.intake.raw_trees import Tree

ContractOf = Callable[[str], Contract]
Harmonised = tuple[Path, list[Record], Contract]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader keeps what it unpacks by relative address, so that datasets would meet in a common cache."""
    monkeypatch.setattr("mlcroissant._src.operation_graph.operations.extract.EXTRACT_PATH", epath.Path(tmp_path / "x"))


@pytest.fixture
def real(tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path) -> Harmonised:
    """A harmonised FUGC that is taken for real."""
    contract, out = contract_of("fugc"), tmp_path / "fugc"
    harmonise(contract, tree("fugc"), out=out, phantom=False, contracts=contracts)
    return out, read_manifest(out), contract


def described(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / CROISSANT).read_text())
    return told


def test_mlcommons_finds_nothing_to_say(real: Harmonised) -> None:
    folder, records, contract = real
    dataset = mlcroissant.Dataset(str(folder / CROISSANT))
    issues = dataset.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    told = dataset.metadata
    assert (told.name, told.cite_as, told.license) == ("fugc", contract.source.citation, [contract.licence.stated])
    assert told.description == (
        f"{contract.source.title}: {contract.anatomy}, harmonised by SonoForge; {len(records)} images in "
        f"{len(records)} groups."
    )


def test_the_reader_loads_rows_images_and_masks(real: Harmonised) -> None:
    folder, records, _ = real
    dataset = mlcroissant.Dataset(str(folder / CROISSANT))
    rows = list(dataset.records("manifest"))
    assert [row["manifest/image_id"].decode() for row in rows] == [record.image_id for record in records]
    assert set(rows[0]) == {f"manifest/{name}" for name in MANIFEST_SCHEMA.names}
    for row, record in zip(rows, records, strict=True):
        assert row["manifest/width_px"] == record.width_px
        boxes = [tuple(one["manifest/objects/box_xyxy"]) for one in row["manifest/objects"]]
        assert boxes == [truth.box_xyxy for truth in record.objects]
    by_id = {record.image_id: record for record in records}
    for kind, load in (("images", lambda record: load_image(record)[..., 0]), ("masks", load_instances)):
        found = list(dataset.records(kind))
        assert len(found) == len(records)
        for one in found:
            record = by_id[one[f"{kind}/image_id"].decode()]
            assert np.array_equal(np.asarray(one[f"{kind}/content"]), load(record))


def test_files_and_columns_are_all_there(real: Harmonised) -> None:
    folder, *_ = real
    told = described(folder)
    files = {one["@id"]: one for one in told["distribution"] if one["@type"] == "cr:FileObject"}
    here = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(files) == here - {CROISSANT}
    for name, one in files.items():
        assert one["sha256"] == sha256_of(folder / name)
        assert one["contentSize"] == f"{(folder / name).stat().st_size} B"
    fields = {one["name"]: one for one in told["recordSet"][0]["field"]}
    assert list(fields) == MANIFEST_SCHEMA.names
    assert fields["image_offset"]["dataType"] == "sc:Integer"
    assert fields["height_px"]["description"] == "native height, in pixels"
    assert fields["flags"]["repeated"] is True
    assert [one["name"] for one in fields["objects"]["subField"]] == ["index", "label", "box_xyxy", "area_px"]


def test_phantoms_borrow_no_name_licence_or_author(real: Harmonised) -> None:
    folder, records, contract = real
    phantoms = [replace(record, phantom=True) for record in records]
    told = to_croissant(phantoms, contract, folder=folder, shards={"shards/000000.tar": "0" * 64})
    assert told["name"] == "fugc_phantom"
    assert told["description"].startswith("PHANTOMS, no patient data")
    assert "Apache-2.0" in told["license"]
    assert "citeAs" not in told
    assert told["creator"]["name"] == "SonoForge"


def test_several_shards_and_ids_with_dots_can_be_loaded(real: Harmonised) -> None:
    folder, records, contract = real
    for shard in (folder / "shards").iterdir():
        shard.unlink()
    (folder / "shards").rmdir()
    content = io.BytesIO()
    PilImage.fromarray(np.full((8, 9), 7, np.uint8)).save(content, format="PNG")
    with ShardWriter(folder, limit_bytes=3000) as shards:
        for image_id in ("1.2.840", "1.2.841", "b"):
            shards.add(image_id, content.getvalue(), content.getvalue())
    assert len(shards.digests) > 1
    write_json(folder / CROISSANT, to_croissant(records, contract, folder=folder, shards=shards.digests))
    found = list(mlcroissant.Dataset(str(folder / CROISSANT)).records("images"))
    assert {one["images/image_id"] for one in found} == {b"1%2E2%2E840", b"1%2E2%2E841", b"b"}


def test_authors_and_year_are_read_from_a_citation_or_left_out(contract_of: ContractOf) -> None:
    busi = cited(contract_of("busi").source.citation)
    assert [one["name"] for one in busi["creator"]] == ["Al-Dhabyani W", "Gomaa M", "Khaled H", "Fahmy A"]
    assert busi["datePublished"] == "2020"
    assert cited("Bai J et al. FUGC 2025, ISBI challenge.") == {
        "creator": [{"@type": "sc:Person", "name": "Bai J"}],
        "datePublished": "2025",
    }
    assert cited("See https://example.org/10.5281/zenodo.16893174, 104863.") == {}
