"""A limit beside an interval: what passes, what fails, and what too few witnesses leave open."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from components.evaluation.comparing.statistics import Estimate
from components.release.checks.intervals import above, at_least, below


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
        (0.01, 0.05, 17, 17, "PASS"),
        (-0.01, 0.05, 17, 17, "INSUFFICIENT"),
        (-0.05, -0.01, 17, 17, "FAIL"),
        (-0.01, 0.05, 20, 20, "FAIL"),  # enough cases, and it isn't shown
        (-0.01, 0.05, 90, 9, "INSUFFICIENT"),  # many cases of few patients
    ],
)
def test_few_witnesses_can_pass_or_fail_clearly_but_not_by_a_wide_interval(
    rules, low, high, n, groups, verdict
) -> None:
    strict = replace(rules, bootstrap=replace(rules.bootstrap, min_groups=10))
    found = Estimate((low + high) / 2, low, high, n=n, groups=groups, undefined=0)
    assert above("skill", found, 0.0, what="Dice", rules=strict).verdict == verdict
    mirrored = Estimate(-found.mean, -high, -low, n=n, groups=groups, undefined=0)
    assert below("misses", mirrored, 0.0, what="misses", rules=strict).verdict == verdict
