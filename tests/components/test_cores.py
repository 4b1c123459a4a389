"""Cores are those of the process; a system that can't tell names the machine's. Processors go by name and flags."""

from __future__ import annotations

import os

import pytest

from components import cores
from components.cores import describe_processor, read_processor, usable_cores


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


def test_processors_of_one_name_are_told_apart_by_what_they_can(monkeypatch: pytest.MonkeyPatch) -> None:
    name, _ = read_processor()
    assert name and describe_processor().startswith(name)
    told = [("Abacus", flags) for flags in (frozenset({"fma", "avx2", "sse"}), frozenset({"avx2", "ht"}), frozenset())]
    monkeypatch.setattr(cores, "read_processor", lambda: told.pop(0))
    assert [describe_processor() for _ in range(3)] == ["Abacus avx2 fma", "Abacus avx2", "Abacus"]
