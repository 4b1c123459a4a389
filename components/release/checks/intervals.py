"""An estimate and a limit to a check: the bound of the interval decides, and too few witnesses decide nothing."""

from __future__ import annotations

import math

import pandas as pd

from components.evaluation.comparing.statistics import Estimate
from components.release.checks.check import Check
from components.release.checks.evidence import Rules


def at_least(name: str, found: Estimate, floor: float, *, what: str, rules: Rules) -> Check:
    """PASS if the interval's lower bound reaches a floor."""
    wanted = f"a lower bound of at least {_signed(floor)}"
    return _decided(
        name, found, found.low, floor, good=found.low >= floor, what=f"{what}; needed: {wanted}", rules=rules
    )


def above(name: str, found: Estimate, margin: float, *, what: str, rules: Rules) -> Check:
    """PASS if the interval's lower bound lies above a margin."""
    wanted = f"a lower bound above {_signed(margin)}"
    return _decided(
        name, found, found.low, margin, good=found.low > margin, what=f"{what}; needed: {wanted}", rules=rules
    )


def below(name: str, found: Estimate, margin: float, *, what: str, rules: Rules) -> Check:
    """PASS if the interval's upper bound lies below a margin."""
    wanted = f"an upper bound below {_signed(margin)}"
    return _decided(
        name, found, found.high, margin, good=found.high < margin, what=f"{what}; needed: {wanted}", rules=rules
    )


def at_most(name: str, value: float, limit: float, *, what: str) -> Check:
    """PASS if a number that has no interval doesn't exceed its limit."""
    return Check(name, "PASS" if value <= limit else "FAIL", value, limit, f"{what}; allowed: at most {limit:g}")


def _decided(name: str, found: Estimate, bound: float, limit: float, *, good: bool, what: str, rules: Rules) -> Check:
    """With too few cases or groups, a limit within the interval is undecided; so is an interval that can't be had."""
    count = f"{found.n} cases in {found.groups} groups"
    if math.isnan(bound):
        return Check(name, "INSUFFICIENT", None, limit, f"{what}; {count} give no interval")
    few = found.n < rules.limits.min_cases or found.groups < rules.bootstrap.min_groups
    if not good and few and found.low < limit < found.high:
        return Check(name, "INSUFFICIENT", bound, limit, f"{what}; {count} can't tell")
    return Check(name, "PASS" if good else "FAIL", bound, limit, what)


def _signed(limit: float) -> str:
    return f"{limit:+.3f}" if limit <= 0 else f"{limit:.3f}"


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
