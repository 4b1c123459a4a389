"""Clean raw trees and the project's contracts, for the tests of this room."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from components.contract import Contract, load_contract
from tests.components.intake.raw_trees import BUILDERS, Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Build a clean tree of a dataset under the test's folder and return it."""

    def build(name: str) -> Path:
        top = tmp_path / "raw" / name
        top.mkdir(parents=True)
        BUILDERS[name](top)
        return top

    return build


@pytest.fixture(scope="session")
def contracts(root: Path) -> Path:
    """The project's contracts."""
    return root / "data/contracts"


@pytest.fixture(scope="session")
def contract_of(contracts: Path) -> Callable[[str], Contract]:
    """Read one of the project's contracts, each once: nothing can change one."""
    return functools.cache(lambda name: load_contract(name, contracts))
