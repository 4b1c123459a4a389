"""Near copies among a raw dataset's images: found across groups, passed over within one, equal pixels left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from components.contract import Contract
from components.intake.judging.near_copies import with_near_copies
from components.intake.layouts import read_layout
from components.intake.measuring.facts import collect_facts
from tests.components.intake.raw_trees import Tree, save, speckle

ContractOf = Callable[[str], Contract]
FIRST, SECOND, THIRD = (f"BUS/original/00000{number}.png" for number in (1, 2, 3))


def _near(raw: Path, contract: Contract, *, one_group: bool = False) -> dict[str, str]:
    cases = read_layout(contract, raw).cases
    facts = collect_facts(cases, contract, raw)
    if one_group:
        facts["group"] = "same"
    found = with_near_copies(facts, cases, contract)
    return {row["image_file"]: row["near_copy_of"] for row in found.to_dict("records") if row["near_copy_of"]}


def _brighter(image: np.ndarray) -> np.ndarray:
    return np.clip(image.astype(np.float32) * 1.1 + 3, 0, 255).astype(np.uint8)


def test_a_brighter_copy_is_told_with_both_files(tree: Tree, contract_of: ContractOf) -> None:
    raw = tree("udiat")
    scene = speckle(77)
    save(raw / FIRST, scene)
    save(raw / SECOND, _brighter(scene))
    assert _near(raw, contract_of("udiat")) == {FIRST: SECOND, SECOND: FIRST}


def test_unrelated_images_and_those_of_one_group_are_not_told(tree: Tree, contract_of: ContractOf) -> None:
    raw = tree("udiat")
    assert _near(raw, contract_of("udiat")) == {}
    scene = speckle(77)
    save(raw / FIRST, scene)
    save(raw / SECOND, _brighter(scene))
    assert _near(raw, contract_of("udiat"), one_group=True) == {}


def test_equal_pixels_are_the_other_rules_business(tree: Tree, contract_of: ContractOf) -> None:
    raw = tree("udiat")
    save(raw / FIRST, speckle(77))
    save(raw / SECOND, speckle(77))
    assert _near(raw, contract_of("udiat")) == {}


def test_an_image_that_cannot_be_decoded_is_passed_over(tree: Tree, contract_of: ContractOf) -> None:
    raw = tree("udiat")
    (raw / THIRD).write_bytes(b"no image")
    assert _near(raw, contract_of("udiat")) == {}


def test_an_image_that_went_after_its_facts_were_taken_is_passed_over(tree: Tree, contract_of: ContractOf) -> None:
    raw, contract = tree("udiat"), contract_of("udiat")
    for file in (FIRST, SECOND):
        save(raw / file, _brighter(speckle(77)) if file == SECOND else speckle(77))
    cases = read_layout(contract, raw).cases
    facts = collect_facts(cases, contract, raw)
    assert (with_near_copies(facts, cases, contract)["near_copy_of"] != "").any()
    (raw / FIRST).write_bytes(b"no image")
    assert (with_near_copies(facts, cases, contract)["near_copy_of"] == "").all()
