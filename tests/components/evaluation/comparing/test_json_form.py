"""Estimates as JSON: names of intervals, and null for what is undefined."""

from __future__ import annotations

import math

from components.evaluation.comparing.json_form import interval_key, to_json
from components.evaluation.comparing.statistics import Bootstrap, Estimate

BOOTSTRAP = Bootstrap(resamples=100, confidence=0.9, seed=1)


def test_the_interval_is_named_by_its_confidence_and_undefined_is_null() -> None:
    assert interval_key(0.95) == "ci95" and interval_key(0.9) == "ci90" and interval_key(0.995) == "ci99.5"
    nothing = Estimate(math.nan, math.nan, math.nan, n=0, groups=0, undefined=3)
    assert to_json(nothing, BOOTSTRAP) == {
        "mean": None,
        "ci90": [None, None],
        "n": 0,
        "undefined": 3,
        "groups": 0,
        "sufficient": False,
    }
