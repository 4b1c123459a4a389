"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says what else the machine is doing, not whether it holds.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _bentos(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A store of Bentos of the tests' own; BentoML reads where it is once, when it is first used."""
    os.environ["BENTOML_HOME"] = str(tmp_path_factory.mktemp("bentoml"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def samples() -> Path:
    """Real ultrasound samples, which aren't part of the project; tests that need them are skipped without."""
    folder = ROOT.parent / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip("no real samples beside the project")
    return folder
