"""Numbers of single cases to means, differences and their intervals, by the cluster bootstrap.

Cases of one patient or video resemble each other, so that they don't count as so many witnesses. A case belongs
to a group, a group to a dataset (stratum). The mean of a dataset is the mean over its groups of the mean over
each group's cases: every group weighs the same, however many images it has. The mean over several strata is the
mean of theirs: every dataset weighs the same. An interval comes from resampling whole groups with replacement
within each stratum, and taking percentiles of the resampled means. Differences between two models are taken case
by case first, on the same cases and prompts.

Undefined values (NaN) are left out of the means and counted. One group alone has no interval (NaN). Leaves out:
any choice of what to compare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

CHUNK_ENTRIES = 4_000_000


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How many resamples, which confidence (0.95 for a 95 % interval), and the seed."""

    resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval: of `n` defined cases in `groups` groups; `undefined` cases had no value."""

    mean: float
    low: float
    high: float
    n: int
    groups: int
    undefined: int


def cluster_mean(
    values: ArrayLike, groups: Sequence[object], *, bootstrap: Bootstrap, strata: Sequence[object] | None = None
) -> Estimate:
    """Mean of `values` (N) over cases, groups and strata, with a percentile interval.

    `groups` and `strata` (N each; without `strata` there is one) name what each case belongs to; equal names of
    groups in different strata are different groups.
    """
    numbers = np.asarray(values, dtype=np.float64)
    defined = np.isfinite(numbers)
    undefined = int(numbers.size - np.count_nonzero(defined))
    if not defined.any():
        return Estimate(math.nan, math.nan, math.nan, n=0, groups=0, undefined=undefined)
    group_means = _group_means(numbers, groups, strata if strata is not None else [0] * numbers.size, defined)
    mean = float(np.mean([means.mean() for means in group_means]))
    low, high = _interval(group_means, bootstrap)
    total = sum(means.size for means in group_means)
    return Estimate(mean, low, high, n=int(np.count_nonzero(defined)), groups=total, undefined=undefined)


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    groups: Sequence[object],
    *,
    bootstrap: Bootstrap,
    strata: Sequence[object] | None = None,
) -> Estimate:
    """Mean of first minus second, case by case (N each); a pair of which either is NaN is undefined."""
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return cluster_mean(difference, groups, bootstrap=bootstrap, strata=strata)


def jensen_dice_bound(mean_iou: float) -> float:
    """The largest mean Dice that a mean IoU allows, 2J / (1 + J): Dice is a concave function of IoU (Jensen)."""
    return 2 * mean_iou / (1 + mean_iou)


def _group_means(
    numbers: NDArray[np.float64],
    groups: Sequence[object],
    strata: Sequence[object],
    defined: NDArray[np.bool_],
) -> list[NDArray[np.float64]]:
    """The means of each stratum's groups, strata and groups in order of first appearance."""
    if not len(groups) == len(strata) == numbers.size:
        raise ValueError(f"{numbers.size} values, {len(groups)} groups, {len(strata)} strata")
    members: dict[object, dict[object, list[float]]] = {}
    for number, group, stratum, keep in zip(numbers.tolist(), groups, strata, defined.tolist(), strict=True):
        if keep:
            members.setdefault(stratum, {}).setdefault(group, []).append(number)
    return [np.array([math.fsum(of) / len(of) for of in by_group.values()]) for by_group in members.values()]


def _interval(group_means: list[NDArray[np.float64]], bootstrap: Bootstrap) -> tuple[float, float]:
    if min(means.size for means in group_means) < 2:
        return math.nan, math.nan
    rng = np.random.default_rng(bootstrap.seed)
    resampled = np.zeros(bootstrap.resamples)
    for means in group_means:
        resampled += _resampled_means(means, bootstrap.resamples, rng)
    tail = (1 - bootstrap.confidence) / 2
    low, high = np.quantile(resampled / len(group_means), [tail, 1 - tail])
    return float(low), float(high)


def _resampled_means(means: NDArray[np.float64], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The means of `resamples` draws with replacement, in chunks that fit the memory."""
    step = max(1, CHUNK_ENTRIES // means.size)
    out = np.empty(resamples)
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        picks = rng.integers(means.size, size=(stop - start, means.size), dtype=np.int32)
        out[start:stop] = means[picks].mean(axis=1)
    return out
