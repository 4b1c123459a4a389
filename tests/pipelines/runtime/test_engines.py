"""The engine of a run is that of params.yaml, and no result depends on it."""

from __future__ import annotations

import os

import pytest

from components.engines import Threads
from components.engines.cluster import OnRay
from components.params import EngineParams, load_params
from pipelines.runtime.engines import chosen_engine
from tests.architecture.closure import ROOT


def test_threads_are_the_default_as_many_as_there_are_cores_unless_somebody_says() -> None:
    params = load_params(ROOT / "params.yaml").engine
    assert chosen_engine(params) == Threads(len(os.sched_getaffinity(0)))
    assert chosen_engine(params.model_copy(update={"threads": 7})) == Threads(7)
    assert chosen_engine(params.model_copy(update={"threads": 7}), workers=2) == Threads(2)


def test_the_default_needs_no_system_that_ties_processes_to_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert chosen_engine(load_params(ROOT / "params.yaml").engine) == Threads(os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("named", "environment", "expected"),
    [(None, None, None), (None, "10.0.0.1:6379", "10.0.0.1:6379"), ("auto", "10.0.0.1:6379", "auto"), (None, "", None)],
)
def test_a_clusters_address_is_the_parameters_or_the_environments(
    named: str | None, environment: str | None, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if environment is not None:
        monkeypatch.setenv("RAY_ADDRESS", environment)
    engine = chosen_engine(EngineParams(name="ray", address=named), workers=2)
    assert isinstance(engine, OnRay) and engine.params.address == expected


def test_another_engine_makes_no_stage_stale() -> None:
    lines = (ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if line.strip() == "- engine" or line.strip().startswith("- engine.")]
