"""Paired values of two models to p values: checks that stand beside an interval and never decide anything.

The signed rank test asks of the groups' mean differences whether they lean to one side; the exact test of misses
asks it of the groups in which one model misses more objects than the other (McNemar's, where a group is a case). Both
take a group (patient, video) as one witness, as the bootstrap does. Shown together, p values are corrected over all
that are shown (Holm). Leaves out: means and intervals (components/evaluation/comparing/statistics.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from components.evaluation.comparing.statistics import Names, ranks


@dataclass(frozen=True, slots=True)
class MissTest:
    """In how many groups the first model alone, or the second alone, misses more objects, and the exact p of that."""

    first_worse: int
    second_worse: int
    p: float


def signed_rank_p(difference: ArrayLike, groups: Names) -> float:
    """Two-sided p of Wilcoxon's signed rank test on the groups' mean differences (N cases in).

    Differences of zero are left out (Wilcoxon 1945); 1 where all are zero, NaN without two groups.
    """
    means = _by_group(difference, groups)
    if means.size < 2:
        return math.nan
    return float(stats.wilcoxon(means).pvalue) if np.any(means) else 1.0


def miss_test(first: ArrayLike, second: ArrayLike, groups: Names) -> MissTest:
    """The exact two-sided test of misses (0 or 1; N cases each): binomial on the groups in which the two differ.

    McNemar 1947 where each group is one case. NaN where there is no case, 1 where no group differs.
    """
    means = _by_group(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64), groups)
    worse, better = int(np.count_nonzero(means > 0)), int(np.count_nonzero(means < 0))
    if not means.size:
        return MissTest(0, 0, math.nan)
    p = float(stats.binomtest(worse, worse + better).pvalue) if worse + better else 1.0
    return MissTest(worse, better, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values corrected for being a family (Holm 1979): chance of any false alarm at most the level. NaN stays,
    and isn't one of the family."""
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    corrected = np.full(p.size, math.nan)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(order.size, 0, -1)))
    return [float(value) for value in corrected]


def _by_group(difference: ArrayLike, groups: Names) -> NDArray[np.float64]:
    """The mean of each group's defined differences; groups without any are left out."""
    column = pd.Series(np.asarray(difference, dtype=np.float64)).dropna()
    # Rounded, so that sums in another order give no difference where there is none.
    return np.asarray(column.groupby(ranks(groups)[column.index], sort=False).mean().round(12).to_numpy())
