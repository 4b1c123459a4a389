"""Tiles: what is said of an image, from records, from a raw folder, and from the faults of the validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.contract import Contract
from components.intake.form.records import read_manifest
from components.intake.harmonise import harmonise
from components.intake.layouts import read_layout
from components.intake.measuring.burnt_in import COVER_GREY
from components.intake.showing.tiles import Tile, TilePixels, in_order, tiles_of_cases, tiles_of_records
from tests.components.intake.raw_trees import Tree, save
from tests.components.intake.test_fault_matrix import drawn, text

ContractOf = Callable[[str], Contract]


def nobody(names: Sequence[str]) -> bool:
    """Names that tell nothing."""
    return False


def raw_tiles(contract: Contract, raw: Path, contracts: Path, **said: Any) -> list[Tile]:
    cases = read_layout(contract, raw, phantom=True, contracts=contracts).cases
    told: dict[str, Any] = {"faults": {}, "tells": nobody, **said}
    return tiles_of_cases(dict(enumerate(cases, 1)), contract, folder=raw, phantom=True, **told)


def test_records_and_cases_show_the_same(tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path) -> None:
    contract, raw, out = contract_of("tn3k"), tree("tn3k"), tmp_path / "out"
    harmonise(contract, raw, out=out, phantom=True, contracts=contracts)
    records = read_manifest(out)
    stored = tiles_of_records(records, faults={}, splits={records[0].image_id: "val"}, tells=nobody)
    original = raw_tiles(contract, raw, contracts)
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
    first, second, *_ = raw_tiles(contract, raw, contracts)
    assert first.load().image is None
    assert "000001.png: " in first.load().problem
    assert second.load().image is not None
    assert "5 x 5 pixels" in second.load().problem


def test_burnt_in_text_is_covered_unless_asked_for(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    contract, raw, out = contract_of("udiat"), tree("udiat"), tmp_path / "out"
    drawn(text)(raw / "BUS/original/000001.png")
    harmonise(contract, raw, out=out, phantom=True, contracts=contracts)
    for show_text in (False, True):
        shown = raw_tiles(contract, raw, contracts, show_text=show_text)[0].load()
        kept = tiles_of_records(read_manifest(out), faults={}, splits={}, tells=nobody, show_text=show_text)[0].load()
        assert shown.image is not None and kept.image is not None
        assert np.array_equal(shown.image, kept.image) and shown.covered == kept.covered == (0 if show_text else 1)
        ink = shown.image[80:110, 15:140]
        assert (ink.max() > 200) == show_text
        assert show_text or (ink == COVER_GREY).mean() > 0.3


def test_names_that_tell_of_a_person_are_withheld(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    contract, raw = contract_of("udiat"), tree("udiat")
    (raw / "BUS/original/000002.png").write_bytes(b"no image")
    codes = {"000001": ["date_in_name"], "000003": ["specks"]}
    tiles = raw_tiles(contract, raw, contracts, faults=codes, tells=lambda names: any("000002" in one for one in names))
    assert [tile.hidden for tile in tiles] == ["image 1, name withheld", "image 2, name withheld", "", ""]
    assert tiles[1].load().problem == "unreadable_image"
    assert tiles[2].notes == ("specks",)
