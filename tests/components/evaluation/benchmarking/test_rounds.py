"""Rounds: each run gets the turns that fit, spread over all rounds, and ratios are of samples of the same round."""

from __future__ import annotations

import itertools

import pytest

from components.evaluation.benchmarking.passes import Part
from components.evaluation.benchmarking.rounds import Run, Samples, interleaved, ratio, spread, turns


def never(name: str, error: Exception) -> None:
    """No run fails."""
    raise AssertionError(name) from error


def test_what_fits_gets_all_rounds() -> None:
    assert turns({"a": 1.0, "b": 2.0}, most=5, budget_s=15.0) == {"a": 5, "b": 5}


def test_what_takes_long_gets_fewer_turns_and_the_time_is_kept() -> None:
    cost_s = {"quick": 0.1, "middle": 1.0, "slow": 10.0}
    found = turns(cost_s, most=10, budget_s=37.0)
    assert (found["quick"], found["slow"]) == (10, 3)
    assert found["middle"] > found["slow"]
    assert sum(cost_s[name] * count for name, count in found.items()) <= 37.0


@pytest.mark.parametrize(("budget_s", "least"), [(33.0, 3), (22.0, 2), (21.0, 1)])
def test_without_time_for_three_turns_there_are_two_or_one(budget_s: float, least: int) -> None:
    assert turns({"quick": 1.0, "slow": 10.0}, most=10, budget_s=budget_s)["slow"] == least


def test_each_run_has_a_turn_even_without_time() -> None:
    assert turns({"a": 1.0, "b": 20.0}, most=5, budget_s=0.0) == {"a": 1, "b": 1}


def test_the_reference_is_there_in_every_round() -> None:
    found = turns({"quick": 0.01, "reference": 5.0}, most=10, budget_s=6.0, always="reference")
    assert found == {"quick": 10, "reference": 10}


def test_turns_are_spread_over_the_rounds_in_another_order_each_time() -> None:
    runs = {name: (lambda _number: {}) for name in "abc"}
    done = [(number, name) for number, name, _ in interleaved(runs, {"a": 4, "b": 2, "c": 1}, failed=never)]
    by_round = {number: [name for _, name in group] for number, group in itertools.groupby(done, lambda each: each[0])}
    assert by_round == {0: ["a", "b", "c"], 1: ["a"], 2: ["a", "b"], 3: ["a"]}
    order = [name for _, name, _ in interleaved(runs, {"a": 3, "b": 3, "c": 3}, failed=never)]
    assert order == list("abcbcacab")


def test_the_end_of_the_time_ends_after_the_first_round() -> None:
    runs = {name: (lambda _number: {}) for name in "ab"}
    done = interleaved(runs, {"a": 9, "b": 9}, failed=never, over=lambda: True)
    assert [name for _, name, _ in done] == ["a", "b"]


def test_a_run_that_fails_has_no_more_turns_and_the_others_go_on() -> None:
    def falters(number: int) -> dict[Part, float]:
        if number == 1:
            raise MemoryError("no more")
        return {}

    told: list[tuple[str, str]] = []
    runs: dict[str, Run] = {"a": lambda _number: {}, "b": falters}
    done = interleaved(runs, {"a": 3, "b": 3}, failed=lambda name, error: told.append((name, str(error))))
    assert [(number, name) for number, name, _ in done] == [(0, "a"), (0, "b"), (1, "a"), (2, "a")]
    assert told == [("b", "no more")]


def test_a_spread_is_median_and_percentiles() -> None:
    found = spread([float(each) for each in range(11)])
    assert (found.p10, found.median, found.p90) == (1, 5, 9)


def test_speed_ups_pair_samples_of_the_same_round() -> None:
    samples = Samples()
    # The machine is twice and four times as slow in the later rounds, which a ratio of medians would mix.
    for number, slow in enumerate((1, 2, 4)):
        samples.add(number, "reference", {"encoder": 100.0 * slow})
        if number:
            samples.add(number, "ours", {"encoder": 10.0 * slow})
    found = samples.speed_up("ours", "encoder", "reference")
    assert found is not None
    assert (found.p10, found.median, found.p90) == pytest.approx((10, 10, 10))
    assert samples.speed_up("ours", "encoder", "nobody") is None


def test_no_ratio_without_a_round_in_common() -> None:
    assert ratio({0: 1.0}, {1: 1.0}) is None
    assert ratio({0: 1.0}, {0: 0.0}) is None
