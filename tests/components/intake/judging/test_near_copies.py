"""Near copies among a raw dataset's images: found across groups, passed over within one, equal pixels left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.contract import Contract
from components.engines import Threads
from components.intake.judging.near_copies import CONFLICTS, with_near_copies
from components.intake.layouts import read_layout
from components.intake.likeness.proof import proof_stamp
from components.intake.measuring.facts import collect_facts
from components.intake.measuring.facts_table import Facts
from components.intake.validate_data import check_data
from components.journal import Journal
from tests.components.intake.raw_trees import Tree, save, speckle

ContractOf = Callable[[str], Contract]
FIRST, SECOND, THIRD = (f"BUS/original/00000{number}.png" for number in (1, 2, 3))


def _near(raw: Path, contract: Contract, *, one_group: bool = False) -> dict[str, str]:
    cases = read_layout(contract, raw).cases
    facts = collect_facts(cases, contract, raw)
    if one_group:
        facts = _changed(facts, group=["same"] * len(facts))
    found = with_near_copies(facts, cases, contract).frame()
    return {row["image_file"]: row["near_copy_of"] for row in found.to_dict("records") if row["near_copy_of"]}


def _changed(facts: Facts, **columns: list[str | None] | list[str]) -> Facts:
    """The same facts with other values in some columns."""
    return Facts(facts.frame().assign(**columns).to_dict("records"))


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
    assert (with_near_copies(facts, cases, contract).frame()["near_copy_of"] != "").any()
    (raw / FIRST).write_bytes(b"no image")
    assert (with_near_copies(facts, cases, contract).frame()["near_copy_of"] == "").all()


def _classed(
    raw: Path, contract: Contract, classes: list[str], groups: list[str] | None = None
) -> dict[str, list[str]]:
    """What is told of conflicts, by file, with these classes for the first images."""
    layout = contract.model_copy(update={"group": contract.group.model_copy(update={"key": "image"})})
    cases = read_layout(layout, raw).cases
    facts = collect_facts(cases, contract, raw)
    facts = _changed(facts, subject_class=[*classes, None, None, None, None][: len(facts)])
    if groups is not None:
        facts = _changed(facts, group=[*groups, "c", "d", "e", "f"][: len(facts)])
    found = with_near_copies(facts, cases, contract).frame()
    return {row["image_file"]: row[CONFLICTS].split("\n") for row in found.to_dict("records") if row[CONFLICTS] != ""}


@pytest.mark.parametrize("groups", [None, ["g", "g"]])
def test_copies_of_different_classes_conflict_whatever_their_group(
    tree: Tree, contract_of: ContractOf, groups: list[str] | None
) -> None:
    raw, contract = tree("udiat"), contract_of("udiat")
    save(raw / FIRST, speckle(77))
    save(raw / SECOND, _brighter(speckle(77)))
    assert _classed(raw, contract, ["benign", "benign"], groups) == {}
    near = _classed(raw, contract, ["benign", "malignant"], groups)
    assert near.keys() == {FIRST, SECOND}
    assert near[FIRST][0].startswith(f"{FIRST}\tbenign, while {SECOND} is malignant; their speckle correlates by ")
    assert near[SECOND][0].startswith(f"{SECOND}\tmalignant, while {FIRST} is benign; ")
    save(raw / SECOND, speckle(77))
    exact = _classed(raw, contract, ["benign", "malignant"], groups)
    assert exact[FIRST] == [f"{FIRST}\tbenign, while {SECOND} is malignant; their pixels are equal"]


def test_frames_of_one_video_may_change_their_class(tree: Tree, contract_of: ContractOf) -> None:
    raw, contract = tree("udiat"), contract_of("udiat")
    video = contract.model_copy(update={"group": contract.group.model_copy(update={"key": "video"})})
    save(raw / FIRST, speckle(77))
    save(raw / SECOND, _brighter(speckle(77)))
    assert _classed(raw, video, ["none", "only_head"], ["v", "v"]) == {}
    assert _classed(raw, video, ["none", "only_head"], ["v", "w"]).keys() == {FIRST, SECOND}
    save(raw / SECOND, speckle(77))
    assert _classed(raw, video, ["none", "only_head"], ["v", "v"]).keys() == {FIRST, SECOND}, "one frame, two classes"


def test_neither_workers_nor_interruptions_change_anything(
    tree: Tree, contract_of: ContractOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, contract = tree("udiat"), contract_of("udiat")
    for number, path in enumerate(sorted((raw / "BUS/original").iterdir())):
        save(path, np.clip(speckle(77) * (1 - 0.05 * number), 0, 255).astype(np.uint8))
    cases = read_layout(contract, raw).cases
    facts = collect_facts(cases, contract, raw)
    alone = with_near_copies(facts, cases, contract).frame()
    assert (alone["near_copy_of"] != "").all()
    seen: list[tuple[int, int]] = []
    together = with_near_copies(facts, cases, contract, engine=Threads(3), progress=lambda *at: seen.append(at))
    assert together.frame().equals(alone) and seen == [(done, 6) for done in range(1, 7)]

    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    journal = Journal(tmp_path / "pairs", proof_stamp())
    with pytest.raises(KeyboardInterrupt):
        with_near_copies(facts, cases, contract, engine=Threads(2), progress=stop, journal=journal)
    journal = Journal(tmp_path / "pairs", proof_stamp())
    assert with_near_copies(facts, cases, contract, engine=Threads(2), journal=journal).frame().equals(alone)

    def read_again(path: Path) -> np.ndarray:
        raise AssertionError("all pairs are known")

    monkeypatch.setattr("components.intake.judging.near_copies.read_image", read_again)
    journal = Journal(tmp_path / "pairs", proof_stamp())
    assert with_near_copies(facts, cases, contract, journal=journal).frame().equals(alone)


def test_an_image_that_changed_after_its_facts_were_taken_proves_nothing(
    tree: Tree, contract_of: ContractOf, tmp_path: Path
) -> None:
    raw, contract = tree("udiat"), contract_of("udiat")
    save(raw / FIRST, speckle(77))
    save(raw / SECOND, _brighter(speckle(77)))
    cases = read_layout(contract, raw).cases
    facts = collect_facts(cases, contract, raw)
    save(raw / FIRST, speckle(78))
    journal = Journal(tmp_path / "pairs", proof_stamp())
    assert (with_near_copies(facts, cases, contract, journal=journal).frame()["near_copy_of"] == "").all()
    save(raw / FIRST, speckle(77))
    assert (with_near_copies(facts, cases, contract, journal=journal).frame()["near_copy_of"] != "").any()


def test_a_later_check_compares_no_pair_again(
    tree: Tree, contract_of: ContractOf, contracts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, contract = tree("udiat"), contract_of("udiat")
    save(raw / FIRST, speckle(77))
    save(raw / SECOND, _brighter(speckle(77)))
    seen: list[tuple[int, int]] = []
    first = check_data(
        contract,
        raw,
        contracts=contracts,
        pairs_progress=lambda *at: seen.append(at),
        proofs=Journal(tmp_path / "pairs", proof_stamp()),
    )
    assert "near_copy" in {one.code for one in first.faults} and seen == [(1, 1)]

    def read_again(path: Path) -> np.ndarray:
        raise AssertionError("the pair is known")

    monkeypatch.setattr("components.intake.judging.near_copies.read_image", read_again)
    again = check_data(contract, raw, contracts=contracts, proofs=Journal(tmp_path / "pairs", proof_stamp()))
    assert again.faults == first.faults
