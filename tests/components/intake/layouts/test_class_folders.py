"""Class folders: what is said of a missing one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from components.contract import Contract
from components.intake.layouts import read_layout
from tests.components.intake.raw_trees import Tree


def test_a_missing_folder_is_told_without_the_name_of_the_folder_above(
    tree: Tree, contract_of: Callable[[str], Contract], contracts: Path
) -> None:
    """An import reads from a folder with a random name, which isn't the dataset's."""
    top = tree("busi") / "Dataset_BUSI_with_GT"
    shutil.rmtree(top / "normal")
    scratch = top.rename(top.with_name(".busi.01234567.tmp"))
    reading = read_layout(contract_of("busi"), scratch, contracts=contracts)
    (missing,) = [one for one in reading.faults if one.code == "missing_folder"]
    assert (missing.file, missing.found) == (".", "no folder normal/")
