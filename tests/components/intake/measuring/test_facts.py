"""Facts: one row an image, missing where nothing could be decoded, in order however many threads there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.contract import Contract
from components.engines import Threads
from components.intake.layouts import read_layout
from components.intake.measuring.facts import collect_facts
from tests.components.intake.raw_trees import SIDE_PX, Tree, binary, disc, save

ContractOf = Callable[[str], Contract]


def test_a_row_says_what_the_image_and_its_mask_show(tree: Tree, contract_of: ContractOf) -> None:
    raw, contract = tree("udiat"), contract_of("udiat")
    mask = disc()
    mask[0, 0] = True
    save(raw / "BUS/GT/000001.png", binary(mask))
    facts = collect_facts(read_layout(contract, raw).cases, contract, raw).frame()
    first = facts.iloc[0]
    assert first["image_file"] == "BUS/original/000001.png" and first["mask_files"] == "BUS/GT/000001.png"
    assert (first["height_px"], first["width_px"], first["short_side_px"]) == (SIDE_PX, SIDE_PX + 20, SIDE_PX)
    assert (first["objects"], first["specks"]) == (1, 1)
    assert first["foreground_share"] == pytest.approx(disc().sum() / disc().size)
    assert not first["empty_where_required"] and first["image_problem"] == ""
    assert facts["pixels_md5"].nunique() == facts["perceptual_hash"].nunique() == len(facts) == 4


def test_what_could_not_be_decoded_is_missing_not_zero(tree: Tree, contract_of: ContractOf) -> None:
    raw, contract = tree("udiat"), contract_of("udiat")
    (raw / "BUS/original/000001.png").write_bytes(b"no image")
    save(raw / "BUS/GT/000002.png", np.zeros((20, 20), np.uint8))
    facts = collect_facts(read_layout(contract, raw).cases, contract, raw).frame()
    unreadable, other_size = facts.iloc[0], facts.iloc[1]
    assert unreadable["image_problem"].startswith("BUS/original/000001.png\t")
    assert facts.loc[0, ["height_px", "objects", "pixels_md5", "empty_where_required"]].isna().all()
    assert other_size["mask_size_problem"].startswith("BUS/GT/000002.png\t")
    assert other_size["height_px"] == SIDE_PX and facts.loc[1, ["objects", "foreground_share"]].isna().all()


def test_of_many_mask_values_some_are_named(tree: Tree, contract_of: ContractOf) -> None:
    raw, contract = tree("udiat"), contract_of("udiat")
    grey = binary(disc())
    grey[0, :120] = np.arange(1, 121)
    save(raw / "BUS/GT/000001.png", grey)
    facts = collect_facts(read_layout(contract, raw).cases, contract, raw).frame()
    assert facts.iloc[0]["unknown_codes"] == "BUS/GT/000001.png\tmask values 1, 2, 3, 4, 5, …"


def test_threads_change_nothing(tree: Tree, contract_of: ContractOf) -> None:
    raw, contract = tree("fugc"), contract_of("fugc")
    cases = read_layout(contract, raw).cases
    seen: list[tuple[int, int]] = []
    alone = collect_facts(cases, contract, raw).frame()
    together = collect_facts(cases, contract, raw, engine=Threads(3), progress=lambda *at: seen.append(at))
    assert alone.equals(together.frame()) and list(alone["image_id"]) == [case.image_id for case in cases]
    assert seen == [(done, len(cases)) for done in range(1, len(cases) + 1)]


def test_paths_are_those_of_the_folder(tree: Tree, contract_of: ContractOf, tmp_path: Path) -> None:
    raw, contract = tree("busi"), contract_of("busi")
    facts = collect_facts(read_layout(contract, raw, phantom=True).cases, contract, raw).frame()
    assert all((raw / file).is_file() for file in facts["image_file"])
    assert all((raw / file).is_file() for files in facts["mask_files"] for file in files.split("; "))
