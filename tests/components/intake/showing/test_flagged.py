"""Faults on contact sheets: codes by image, a tile for what has no picture, and names that aren't printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from components.contract import Contract
from components.errors import LayoutError
from components.intake.faults import fault
from components.intake.showing.flagged import Flagged, flagged_of, read_flagged, tells
from components.intake.validate_data import check_data
from components.types import Fault
from tests.components.intake.raw_trees import Tree

ContractOf = Callable[[str], Contract]


def made(code: str, file: str) -> Fault:
    return fault(code, dataset="udiat", file=file, found="x")


def test_faults_of_image_and_mask_are_told_but_no_information(tmp_path: Path) -> None:
    assert read_flagged(tmp_path) == Flagged((), {})
    facts = {"image_id": ["a", "b"], "image_file": ["i/a.png", "i/b.png"], "mask_files": ["m/a.png; m/a_1.png", ""]}
    pd.DataFrame(facts).to_parquet(tmp_path / "facts.parquet")
    told = [
        made("specks", "i/b.png"),
        made("empty_mask", "m/a_1.png"),
        made("label_missing", "i/a.png"),
        made("label_missing", "i/a.png"),
        made("unexpected_file", "notes.txt"),
    ]
    (tmp_path / "faults.json").write_text(json.dumps({"schema": 1, "faults": [asdict(one) for one in told]}))
    read = read_flagged(tmp_path)
    assert read.codes() == {"a": ("empty_mask", "label_missing")}
    assert read.owner == {"i/a.png": "a", "m/a.png": "a", "m/a_1.png": "a", "i/b.png": "b"}
    for damaged in ("{", '{"faults": [{"code": "specks"}]}'):
        (tmp_path / "faults.json").write_text(damaged)
        with pytest.raises(LayoutError, match="can't be read"):
            read_flagged(tmp_path)


def test_what_a_folder_tells_goes_for_all_in_it() -> None:
    told = (made("identity_in_name", "Mueller_Hans"), made("date_in_name", "other/1961-03-27.txt"))
    owner = {"Mueller_Hans/i/a.png": "a", "Mueller_Hans/m/a.png": "a", "other/b.png": "b"}
    assert Flagged(told, owner).codes() == {"a": ("identity_in_name",)}


def test_what_has_no_picture_has_a_tile(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    contract, raw = contract_of("udiat"), tree("udiat")
    (raw / "BUS/original/000001.png").write_bytes(b"no image")
    (raw / "BUS/GT/000002.png").unlink()
    (raw / "BUS/GT/1961-03-27.png").write_bytes(b"no mask")
    (raw / "notes.txt").write_text("not an image")
    checked = check_data(contract, raw, phantom=True, contracts=contracts)
    flagged = flagged_of(checked.faults, checked.cases, folder=raw)
    shown = {case.image_id for case in checked.cases}
    tiles = {tile.file: tile for tile in flagged.without_picture(shown, contract, phantom=True)}
    assert set(tiles) == {"BUS/original/000002.png", "BUS/GT/1961-03-27.png"}
    assert tiles["BUS/original/000002.png"].notes == ("image_without_mask",)
    assert tiles["BUS/original/000002.png"].hidden == "" and tiles["BUS/GT/1961-03-27.png"].hidden == "name withheld"
    assert tiles["BUS/original/000002.png"].load().image is None
    # Where the harmonised form doesn't hold an image any more, its file has a tile too.
    assert "BUS/original/000001.png" in {one.file for one in flagged.without_picture((), contract, phantom=True)}


def test_a_contract_that_calls_dates_harmless_shows_them(contract_of: ContractOf) -> None:
    assert tells(["us_data/20190909T155747/1.png"], contract_of("udiat"))
    assert not tells(["us_data/20190909T155747/1.png"], contract_of("jnu_ifm"))
    assert tells(["Mueller_Hans/1.png"], contract_of("jnu_ifm"))
    assert not tells(["000001", "BUS/original/000001.png"], contract_of("udiat"))
