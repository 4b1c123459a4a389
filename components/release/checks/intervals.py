"""An estimate and a limit to a check: the bound of the interval decides, and too few witnesses decide nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from components.evaluation.comparing.statistics import Estimate, cluster_mean
from components.release.checks.check import Check
from components.release.checks.evidence import Rules

TIE = 1e-9
"""Rounding of a sum of shares that is a whole number."""


def at_least(name: str, found: Estimate, floor: float, *, what: str, rules: Rules) -> Check:
    """PASS if the interval's lower bound reaches a floor."""
    wanted = f"a lower bound of at least {_signed(floor)}"
    decided = found.low >= floor, found.high < floor
    return _decided(name, found, found.low, floor, decided=decided, what=f"{what}; needed: {wanted}", rules=rules)


def above(name: str, found: Estimate, margin: float, *, what: str, rules: Rules) -> Check:
    """PASS if the interval's lower bound lies above a margin."""
    wanted = f"a lower bound above {_signed(margin)}"
    decided = found.low > margin, found.high <= margin
    return _decided(name, found, found.low, margin, decided=decided, what=f"{what}; needed: {wanted}", rules=rules)


def below(name: str, found: Estimate, margin: float, *, what: str, rules: Rules) -> Check:
    """PASS if the interval's upper bound lies below a margin."""
    wanted = f"an upper bound below {_signed(margin)}"
    decided = found.high < margin, found.low >= margin
    return _decided(name, found, found.high, margin, decided=decided, what=f"{what}; needed: {wanted}", rules=rules)


def at_most(name: str, value: float, limit: float, *, what: str) -> Check:
    """PASS if a number that has no interval doesn't exceed its limit."""
    return Check(name, "PASS" if value <= limit else "FAIL", value, limit, f"{what}; allowed: at most {limit:g}")


def _decided(
    name: str, found: Estimate, bound: float, limit: float, *, decided: tuple[bool, bool], what: str, rules: Rules
) -> Check:
    """`decided` is whether the bound is good, and whether the whole interval lies on the wrong side.

    Too few cases or groups can fail a limit clearly, but never pass it: their interval is too narrow, or none. What has
    no interval is undecided.
    """
    good, clearly_bad = decided
    count = f"{found.n} cases in {found.groups} groups"
    if math.isnan(bound):
        return Check(name, "INSUFFICIENT", None, limit, f"{what}; {count} give no interval")
    few = found.n < rules.limits.min_cases or found.groups < rules.bootstrap.min_groups
    if few and not clearly_bad:
        return Check(name, "INSUFFICIENT", bound, limit, f"{what}; {count} can't tell")
    return Check(name, "PASS" if good else "FAIL", bound, limit, what)


def event_share(events: pd.Series, groups: pd.Series, *, rules: Rules) -> Estimate:
    """The share of cases (N values of 0 and 1) in which something happens, each group weighing the same.

    Resampling shows no event where none was seen. So the interval reaches at least as far as the exact one (Clopper and
    Pearson 1934) over the groups, of which as many count as hit as their shares add up to, rounded away from the mean.
    """
    found = cluster_mean(events, groups.tolist(), bootstrap=rules.bootstrap)
    if found.groups == 0:
        return found
    hits = found.mean * found.groups
    low = _exact(math.floor(hits + TIE), found.groups, rules)[0]
    high = _exact(math.ceil(hits - TIE), found.groups, rules)[1]
    return replace(found, low=_further(min, found.low, low), high=_further(max, found.high, high))


def event_excess(ours: pd.Series, theirs: pd.Series, groups: pd.Series, *, rules: Rules) -> Estimate:
    """The difference of two such shares (N values of 0 and 1 each, of the same cases), ours minus theirs.

    The upper bound lies at least as far above the mean as the exact one of the groups in which ours has more.
    """
    more = pd.Series(np.asarray(ours) - np.asarray(theirs))
    found = cluster_mean(more, groups.tolist(), bootstrap=rules.bootstrap)
    if found.groups == 0:
        return found
    share = cluster_mean(more.clip(lower=0), groups.tolist(), bootstrap=rules.bootstrap).mean
    reach = _exact(math.ceil(share * found.groups - TIE), found.groups, rules)[1] - share
    return replace(found, high=_further(max, found.high, found.mean + reach))


def _exact(hits: int, of: int, rules: Rules) -> tuple[float, float]:
    found = binomtest(hits, of).proportion_ci(confidence_level=rules.bootstrap.confidence, method="exact")
    return float(found.low), float(found.high)


def _further(choose: Callable[[float, float], float], resampled: float, exact: float) -> float:
    """The bound that reaches further; one group alone has none by resampling."""
    return exact if math.isnan(resampled) else choose(resampled, exact)


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
