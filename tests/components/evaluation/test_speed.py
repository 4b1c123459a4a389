"""Timings: every case runs as often as it should, in turn, and ratios refer to the first."""

from __future__ import annotations

import time

import pytest

from components.evaluation.speed import as_records, describe_machine, time_interleaved


def test_cases_run_in_turn_and_warm_up_does_not_count() -> None:
    order: list[str] = []
    cases = {name: (lambda n=name: order.append(n)) for name in "ab"}
    timings = time_interleaved(cases, rounds=3, warm_up=1)
    assert order == ["a", "b"] * 4
    assert [t.rounds for t in timings] == [3, 3]


def test_ratios_refer_to_the_first_case() -> None:
    timings = time_interleaved({"short": lambda: time.sleep(0.01), "long": lambda: time.sleep(0.05)}, rounds=3)
    assert timings[0].ratio_to_first == 1
    assert timings[1].ratio_to_first > 1.5
    assert all(t.p10_ms <= t.median_ms <= t.p90_ms for t in timings)


def test_time_is_that_of_the_clock() -> None:
    ticks = iter([0.0, 1.0, 1.0, 3.0])
    first, second = time_interleaved({"a": int, "b": int}, rounds=1, warm_up=0, clock=lambda: next(ticks))
    assert (first.median_ms, second.median_ms, second.ratio_to_first) == (1000, 2000, 2)


@pytest.mark.parametrize(("cases", "rounds"), [({}, 3), ({"a": int}, 0)])
def test_nothing_to_time_is_refused(cases: dict[str, type], rounds: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        time_interleaved(cases, rounds=rounds)


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert machine["cores"] >= 1
    assert machine["cpu"]
    assert as_records(time_interleaved({"a": int}, rounds=1))[0]["name"] == "a"
