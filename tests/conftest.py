"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# How long an example takes says what else the machine is doing, not whether it holds.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Read by OpenMP when torch is first loaded. Threads that spin while they wait for each other take the cores from those
# that work: tests whose model has two threads, as the service's has, took ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

ROOT = Path(__file__).resolve().parents[1]

# What shares a project, a server or a service with its neighbours stays on one worker; the longest come first.
TOGETHER = {
    "tests/pipelines/test_graph.py": "graph",
    "tests/pipelines/": "pipelines",
    "tests/serving/test_service.py": "service",
    "tests/serving/web/": "web",
    "tests/components/test_tracking.py": "tracking",
    "tests/components/test_tracking_shared.py": "tracking",
    "tests/components/engines/test_cluster.py": "cluster",
}


class Together(LoadScopeScheduling):
    """Files one by one to the next free worker, so that what the tests of one share is made once; those of TOGETHER as
    one piece.

    The marks of pytest-xdist's own `loadgroup` don't reach it under pytest 9.2, which lets nobody rename a test.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((group for start, group in TOGETHER.items() if file.startswith(start)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """Called by pytest-xdist."""
    return Together(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with what takes longest, so that they end together; one process alone keeps the usual order."""
    if hasattr(config, "workerinput"):
        starts = list(TOGETHER)
        items.sort(
            key=lambda item: next((n for n, one in enumerate(starts) if item.nodeid.startswith(one)), len(starts))
        )


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
