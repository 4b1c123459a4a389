"""A limit beside an interval: what passes, what fails, and what too few witnesses leave open."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from components.evaluation.comparing.statistics import Estimate
from components.release.checks.intervals import above, at_least, below, event_excess, event_share


def test_a_lower_bound_at_the_limit_passes_a_floor_and_fails_a_margin(rules) -> None:
    found = Estimate(0.65, 0.6, 0.7, n=30, groups=30, undefined=0)
    assert at_least("floor", found, 0.6, what="Dice", rules=rules).verdict == "PASS"
    assert above("skill", found, 0.6, what="Dice", rules=rules).verdict == "FAIL"
    alone = Estimate(0.65, float("nan"), float("nan"), n=3, groups=1, undefined=0)
    check = at_least("floor", alone, 0.6, what="Dice", rules=rules)
    assert (check.verdict, check.value) == ("INSUFFICIENT", None) and "3 cases in 1 groups" in check.reason
    assert json.dumps(check.as_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("low", "high", "n", "groups", "verdict"),
    [
        (0.01, 0.05, 17, 17, "INSUFFICIENT"),  # a good interval over few groups is too narrow to be believed
        (-0.01, 0.05, 17, 17, "INSUFFICIENT"),
        (-0.05, -0.01, 17, 17, "FAIL"),
        (0.01, 0.05, 20, 20, "PASS"),
        (-0.01, 0.05, 20, 20, "FAIL"),  # enough cases, and it isn't shown
        (-0.01, 0.05, 90, 9, "INSUFFICIENT"),  # many cases of few patients
    ],
)
def test_few_witnesses_can_fail_clearly_and_never_pass(rules, low, high, n, groups, verdict) -> None:
    strict = replace(rules, bootstrap=replace(rules.bootstrap, min_groups=10))
    found = Estimate((low + high) / 2, low, high, n=n, groups=groups, undefined=0)
    assert above("skill", found, 0.0, what="Dice", rules=strict).verdict == verdict
    mirrored = Estimate(-found.mean, -high, -low, n=n, groups=groups, undefined=0)
    assert below("misses", mirrored, 0.0, what="misses", rules=strict).verdict == verdict


@pytest.mark.parametrize(
    ("events", "of", "low", "high"),
    [(0, 25, 0.0, 0.1372), (0, 2, 0.0, 0.8419), (25, 25, 0.8628, 1.0), (1, 1, 0.025, 1.0)],
)
def test_where_nothing_was_seen_the_bound_is_exact(rules, events, of, low, high) -> None:
    groups = pd.Series([f"g{k}" for k in range(of)])
    found = event_share(pd.Series([1.0] * events + [0.0] * (of - events)), groups, rules=rules)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_more_events_never_lower_the_bound(rules) -> None:
    groups = pd.Series([f"g{k // 2}" for k in range(40)])
    highs = []
    for events in range(41):
        found = event_share(pd.Series([1.0] * events + [0.0] * (40 - events)), groups, rules=rules)
        assert found.low <= found.mean <= found.high
        highs.append(found.high)
    assert highs == sorted(highs), "each group has two cases"
    none = event_share(pd.Series([], dtype=float), pd.Series([], dtype=str), rules=rules)
    assert none.groups == 0 and below("misses", none, 0.5, what="misses", rules=rules).verdict == "INSUFFICIENT"


def test_two_that_miss_nothing_may_still_differ(rules) -> None:
    groups = pd.Series([f"g{k}" for k in range(25)])
    nothing = pd.Series([0.0] * 25)
    found = event_excess(nothing, nothing, groups, rules=rules)
    assert (found.mean, found.high) == (0, pytest.approx(0.1372, abs=1e-4))
    worse = event_excess(pd.Series([1.0] + [0.0] * 24), nothing, groups, rules=rules)
    assert worse.mean == pytest.approx(0.04) and worse.high == pytest.approx(0.2035, abs=1e-3)
    better = event_excess(nothing, pd.Series([1.0] * 5 + [0.0] * 20), groups, rules=rules)
    assert better.high < 0.05
