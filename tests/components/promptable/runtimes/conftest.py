"""A place for what OpenVINO compiles, so that it does so once."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder of this test run."""
    return tmp_path_factory.mktemp("compiled")
