"""Tiles: what is said of an image, from records, from a raw folder, and from the faults of the validation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.contract import Contract
from components.errors import LayoutError
from components.intake.form.records import read_manifest
from components.intake.harmonise import harmonise
from components.intake.layouts import read_layout
from components.intake.showing.tiles import Tile, TilePixels, fault_codes, in_order, tiles_of_cases, tiles_of_records
from tests.components.intake.raw_trees import Tree, save

ContractOf = Callable[[str], Contract]


def test_records_and_cases_show_the_same(tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path) -> None:
    contract, raw, out = contract_of("tn3k"), tree("tn3k"), tmp_path / "out"
    harmonise(contract, raw, out=out, phantom=True, contracts=contracts)
    records = read_manifest(out)
    stored = tiles_of_records(records, faults={}, splits={records[0].image_id: "val"})
    reading = read_layout(contract, raw, phantom=True, contracts=contracts)
    original = tiles_of_cases(reading, contract, folder=raw, phantom=True)
    assert [one.image_id for one in stored] == [one.image_id for one in original]
    assert [one.split for one in stored] == ["val"] + [None] * (len(records) - 1)
    for first, second in zip(stored, original, strict=True):
        assert (first.group, first.subject_class, first.phantom) == (second.group, second.subject_class, True)
        left, right = first.load(), second.load()
        assert np.array_equal(left.image, right.image)
        assert np.array_equal(left.instances, right.instances)
        assert left.objects == right.objects


def test_numbers_are_ordered_as_numbers() -> None:
    ids = ["b_2", "a_10", "a_9", "a_2_1", "a_2", "7"]
    tiles = [Tile(one, one, None, False, None, (), None, lambda: TilePixels(None)) for one in ids]
    assert [tile.image_id for tile in in_order(tiles)] == ["7", "a_2", "a_2_1", "a_9", "a_10", "b_2"]


def test_a_raw_image_that_cannot_be_shown_says_why(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    contract, raw = contract_of("udiat"), tree("udiat")
    whole = (raw / "BUS/original/000001.png").read_bytes()
    (raw / "BUS/original/000001.png").write_bytes(whole[: len(whole) // 2])
    save(raw / "BUS/GT/000002.png", np.zeros((5, 5), np.uint8))
    reading = read_layout(contract, raw, contracts=contracts)
    first, second, *_ = tiles_of_cases(reading, contract, folder=raw, phantom=False)
    assert first.load().image is None
    assert "000001.png: " in first.load().problem
    assert second.load().image is not None
    assert "5 x 5 pixels" in second.load().problem


def test_faults_of_image_and_mask_are_told_but_no_information(tmp_path: Path) -> None:
    assert fault_codes(tmp_path) == {}
    facts = {"image_id": ["a", "b"], "image_file": ["i/a.png", "i/b.png"], "mask_files": ["m/a.png; m/a_1.png", ""]}
    pd.DataFrame(facts).to_parquet(tmp_path / "facts.parquet")
    told = [
        ("specks", "info", "i/b.png"),
        ("empty_mask", "error", "m/a_1.png"),
        ("label_missing", "warning", "i/a.png"),
    ]
    told += [("label_missing", "warning", "i/a.png"), ("unexpected_file", "warning", "notes.txt")]
    faults = [{"code": code, "severity": severity, "file": file} for code, severity, file in told]
    (tmp_path / "faults.json").write_text(json.dumps({"schema": 1, "faults": faults}))
    assert fault_codes(tmp_path) == {"a": ("empty_mask", "label_missing")}
    (tmp_path / "faults.json").write_text("{")
    with pytest.raises(LayoutError, match="can't be read"):
        fault_codes(tmp_path)
