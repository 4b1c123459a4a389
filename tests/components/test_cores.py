"""Cores are those of the process; a system that can't tell names the machine's."""

from __future__ import annotations

import os

import pytest

from components.cores import usable_cores


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 3, 5}, raising=False)
    assert usable_cores() == 3


@pytest.mark.parametrize(("told", "cores"), [(6, 6), (None, 1)])
def test_a_system_that_ties_no_process_to_cores_names_all(
    told: int | None, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: told)
    assert usable_cores() == cores
