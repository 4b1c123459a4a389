"""Entries about single files: by the end of a path, or by the bare name where only one file has it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from components.contract import AcceptedFault, Contract, Quarantined
from components.errors import DataFaultsError
from components.intake.harmonise import harmonise
from components.intake.layouts import read_layout
from components.intake.validate_data import check_data
from tests.components.intake.raw_trees import Tree, binary, disc, save, speckle

ContractOf = Callable[[str], Contract]
TWO_PARTS = {
    "parts": [
        {"images": f"{part}/images/{{stem}}.png", "masks": f"{part}/masks/{{stem}}.png", "prefix": part}
        for part in ("a", "b")
    ]
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two folders in which images and masks have the same names."""
    for seed, part in enumerate(("a", "b")):
        for number in (1, 2):
            save(tmp_path / f"raw/{part}/images/{number}.png", speckle(10 * seed + number))
            save(tmp_path / f"raw/{part}/masks/{number}.png", binary(disc()))
    return tmp_path / "raw"


@pytest.fixture
def contract(contract_of: ContractOf) -> Contract:
    base = contract_of("udiat")
    return base.model_copy(update={"layout": base.layout.model_copy(update={"options": TWO_PARTS})})


def accepting(contract: Contract, file: str, code: str = "unreadable_image") -> Contract:
    accepted = AcceptedFault(file=file, code=code, reason="so in the original")
    return contract.model_copy(update={"accepted_faults": (accepted,)})


def excluding(contract: Contract, file: str) -> Contract:
    entry = Quarantined(file=file, action="exclude", reason="blurred", reviewer="A. R.", date=date(2026, 1, 2))
    return contract.model_copy(update={"quarantine": (entry,)})


def test_an_accepted_fault_by_a_name_of_several_files_is_refused(
    raw: Path, contract: Contract, contracts: Path
) -> None:
    (raw / "a/images/1.png").write_bytes(b"no image")
    checked = check_data(accepting(contract, "1.png"), raw, phantom=True, contracts=contracts)
    told = [one for one in checked.faults if one.code == "ambiguous_entry"]
    assert [(one.severity, one.file) for one in told] == [("error", ".")]
    assert told[0].found == "the entry 1.png of accepted_faults fits 2 files: a/images/1.png, b/images/1.png"
    assert "path" in told[0].remedy


@pytest.mark.parametrize("entry", ["a/images/1.png", "top/a/images/1.png"])
def test_a_path_accepts_the_fault_of_that_file_alone(
    entry: str, raw: Path, contract: Contract, contracts: Path, tmp_path: Path
) -> None:
    if entry.startswith("top"):
        raw.rename(tmp_path / "top")
        raw.mkdir()
        raw = (tmp_path / "top").rename(raw / "top").parent
    place = next(raw.rglob("a"))
    (place / "images/1.png").write_bytes(b"no image")
    known = accepting(contract, entry)
    checked = check_data(known, raw, phantom=True, contracts=contracts)
    assert [(one.code, one.severity) for one in checked.faults] == [("unreadable_image", "warning")]
    done = harmonise(known, raw, out=tmp_path / "out", phantom=True, contracts=contracts)
    assert [record.image_id for record in done.records] == ["a_2", "b_1", "b_2"]
    (place.parent / "b/images/1.png").write_bytes(b"no image")
    checked = check_data(known, raw, phantom=True, contracts=contracts)
    assert sorted((one.code, one.severity) for one in checked.faults) == [
        ("unreadable_image", "error"),
        ("unreadable_image", "warning"),
    ]
    with pytest.raises(DataFaultsError):
        harmonise(known, raw, out=tmp_path / "out", phantom=True, contracts=contracts)


def test_a_mask_of_its_image_s_name_makes_no_name_ambiguous(raw: Path, contract: Contract, contracts: Path) -> None:
    for path in raw.glob("b/*/1.png"):
        path.unlink()
    (raw / "a/masks/1.png").write_bytes(b"no mask")
    known = accepting(contract, "1.png", "unreadable_mask")
    faults = check_data(known, raw, phantom=True, contracts=contracts).faults
    assert {one.code: one.severity for one in faults} == {"unreadable_mask": "warning", "empty_mask": "error"}


def test_an_entry_of_the_quarantine_that_fits_two_places_is_refused(
    raw: Path, contract: Contract, contracts: Path, tmp_path: Path
) -> None:
    (raw / "deep").mkdir()
    for part in ("a", "b"):
        (raw / part).rename(raw / "deep" / part)
    for place in (raw, raw / "deep"):
        (place / "notes.txt").write_text("?")
    faults = read_layout(excluding(contract, "notes.txt"), raw, contracts=contracts).faults
    told = [one.found for one in faults if one.code == "ambiguous_entry"]
    assert told == ["the entry notes.txt of quarantine fits 2 files: deep/notes.txt, notes.txt"]
    clear = read_layout(excluding(contract, "deep/notes.txt"), raw, contracts=contracts).faults
    assert {(one.code, one.file) for one in clear} == {
        ("quarantined", "deep/notes.txt"),
        ("unexpected_file", "notes.txt"),
    }


def test_the_project_s_own_entries_name_one_file_each(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    for name in ("busi", "ddti", "busi_listed"):
        faults = read_layout(contract_of(name), tree(name), phantom=True, contracts=contracts).faults
        assert "ambiguous_entry" not in {one.code for one in faults}
