"""An estimate and a limit to a check: the bound of the interval decides, and too few witnesses decide nothing."""

from __future__ import annotations

import math

import pandas as pd

from components.evaluation.comparing.statistics import Estimate
from components.release.checks.check import Check
from components.release.checks.evidence import Rules


def bounded(
    name: str, found: Estimate, limit: float, *, what: str, bar: str, rules: Rules, strict: bool = False
) -> Check:
    """PASS if the lower bound clears the limit; with too few cases or groups, a limit that the interval holds is
    undecided, and so is an interval that can't be had."""
    wanted = f"{bar} {limit:+.3f}" if limit <= 0 else f"{bar} {limit:.3f}"
    if math.isnan(found.low):
        count = f"{found.n} cases in {found.groups} groups"
        return Check(name, "INSUFFICIENT", None, limit, f"{what}: {count} give no interval; needed: {wanted}")
    good = found.low > limit if strict else found.low >= limit
    few = found.n < rules.limits.min_cases or found.groups < rules.bootstrap.min_groups
    if not good and few and found.high > limit:
        count = f"{found.n} cases in {found.groups} groups"
        return Check(name, "INSUFFICIENT", found.low, limit, f"{what}: {count} can't tell; needed: {wanted}")
    return Check(name, "PASS" if good else "FAIL", found.low, limit, f"{what}; needed: {wanted}")


def span(found: Estimate) -> str:
    """A mean and its interval in words."""
    if math.isnan(found.mean):
        return "undefined"
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def prompted(cases: pd.DataFrame, prompt: str, *, dataset: str | None = None) -> pd.DataFrame:
    """The rows of a kind of prompt, of one dataset or of all."""
    chosen = cases["prompt"] == prompt
    return cases[chosen if dataset is None else chosen & (cases["dataset"] == dataset)]


def rows_of(cases: pd.DataFrame, prompt: str, *, who: str, dataset: str) -> pd.DataFrame:
    """One contender's rows of a kind of prompt on a dataset."""
    rows = prompted(cases, prompt, dataset=dataset)
    return rows[rows["model"] == who]
