"""Numbers of single cases to means, differences and their intervals, by the cluster bootstrap.

Cases of one patient or video resemble each other, so that they don't count as so many witnesses. A case belongs
to a group, a group to a dataset (stratum). The mean of a dataset is the mean over its groups of the mean over
each group's cases: every group weighs the same, however many images it has. The mean over several strata is the
mean of theirs: every dataset weighs the same. An interval comes from resampling whole groups with replacement
within each stratum, and taking percentiles of the resampled means. Differences between two models are taken case
by case first, on the same cases and prompts.

A resample is a row of weights, how often each group was drawn, so that one matrix product gives the means of all
columns of a table, and their intervals rest on the same draws. 10,000 resamples of 10,000 groups take about a second
(benchmarks/metrics.py).

Undefined values (NaN) are left out of the means and counted. One group alone has no interval (NaN); over fewer than
`Bootstrap.min_groups` groups an interval stands but is no claim: percentile intervals over few clusters are too narrow
(Cameron and Miller, Journal of Human Resources 50, 2015). Leaves out: any choice of what to compare; p values
(significance.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Names = Sequence[object] | pd.Series
"""What each of many cases belongs to, by name; a column of text is many times smaller than a list of it."""
CHUNK_ENTRIES = 400_000
"""Weights at a time: few enough for a processor's cache, enough for the matrix product."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How many resamples, which confidence (0.95 for a 95 % interval), the seed, and from how many groups on an
    interval is a claim."""

    resamples: int
    confidence: float
    seed: int
    min_groups: int = 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval: of `n` defined cases in `groups` groups; `undefined` cases had no value."""

    mean: float
    low: float
    high: float
    n: int
    groups: int
    undefined: int


def cluster_mean(values: ArrayLike, groups: Names, *, bootstrap: Bootstrap, strata: Names | None = None) -> Estimate:
    """Mean of `values` (N) over cases, groups and strata, with a percentile interval; see `cluster_means`."""
    column = np.asarray(values, dtype=np.float64)[:, None]
    return cluster_means(column, groups, bootstrap=bootstrap, strata=strata)[0]


def cluster_means(
    values: ArrayLike, groups: Names, *, bootstrap: Bootstrap, strata: Names | None = None
) -> tuple[Estimate, ...]:
    """Means of the columns of `values` (N K) over cases, groups and strata, each with a percentile interval.

    `groups` and `strata` (N each; without `strata` there is one) name what each case belongs to; equal names of
    groups in different strata are different groups. A column's estimate doesn't depend on the others beside it.

    Raises
    ------
    ValueError
        If the lists differ in length.
    """
    numbers = np.asarray(values, dtype=np.float64)
    codes, stratum_of_group = _codes(*_ranked(groups, strata, cases=len(numbers)))
    defined = np.isfinite(numbers)
    group_means = _group_means(numbers, codes, defined, count=len(stratum_of_group))
    present = np.isfinite(group_means)  # G K
    found: list[Estimate] = [_nothing(len(numbers))] * numbers.shape[1]
    # Columns that are defined in the same groups share their resamples; most often that is all of them.
    for columns in _alike(present):
        pattern = present[:, columns[0]]
        if not pattern.any():
            continue
        by_stratum = [
            group_means[np.ix_(pattern & (stratum_of_group == stratum), columns)]
            for stratum in np.unique(stratum_of_group[pattern])
        ]
        means = np.mean([part.mean(axis=0) for part in by_stratum], axis=0)
        lows, highs = _intervals(by_stratum, bootstrap)
        for column, mean, low, high in zip(columns, means, lows, highs, strict=True):
            n = int(np.count_nonzero(defined[:, column]))
            found[column] = Estimate(
                float(mean),
                float(low),
                float(high),
                n=n,
                groups=int(np.count_nonzero(pattern)),
                undefined=len(numbers) - n,
            )
    return tuple(found)


def paired_differences(
    first: ArrayLike,
    second: ArrayLike,
    groups: Names,
    *,
    bootstrap: Bootstrap,
    strata: Names | None = None,
) -> tuple[Estimate, ...]:
    """Means of first minus second (N K each), case by case; a pair of which either is NaN is undefined."""
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return cluster_means(difference, groups, bootstrap=bootstrap, strata=strata)


def cluster_ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    groups: Names,
    *,
    bootstrap: Bootstrap,
    strata: Names | None = None,
) -> Estimate:
    """The mean of `numerators` over the mean of `denominators` (N each), both resampled together.

    A case of which either is NaN is undefined, and left out of both. The ratio is undefined (NaN) where the mean of the
    denominators isn't positive, and without an interval where that holds in any resample.

    Raises
    ------
    ValueError
        If the lists differ in length.
    """
    numbers = np.stack([np.asarray(one, dtype=np.float64) for one in (numerators, denominators)], axis=1)  # N 2
    of_group, of_stratum = _ranked(groups, strata, cases=len(numbers))
    kept = np.isfinite(numbers).all(axis=1)
    n = int(np.count_nonzero(kept))
    if n == 0:
        return _nothing(len(numbers))
    codes, stratum_of_group = _codes(of_group[kept], of_stratum[kept])
    count = len(stratum_of_group)
    group_means = _group_means(numbers[kept], codes, np.ones((n, 2), dtype=np.bool_), count=count)
    by_stratum = [group_means[stratum_of_group == stratum] for stratum in np.unique(stratum_of_group)]
    above, below = np.mean([part.mean(axis=0) for part in by_stratum], axis=0)
    low, high = _ratio_interval(by_stratum, bootstrap)
    mean = float(above / below) if below > 0 else math.nan
    return Estimate(mean, low, high, n=n, groups=count, undefined=len(numbers) - n)


def jensen_dice_bound(mean_iou: float) -> float:
    """The largest mean Dice that a mean IoU allows, 2J / (1 + J): Dice is a concave function of IoU (Jensen)."""
    return 2 * mean_iou / (1 + mean_iou)


def _nothing(cases: int) -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, n=0, groups=0, undefined=cases)


def ranks(names: Names) -> NDArray[np.int64]:
    """Each name's place (N) among the different ones, in the order of their texts."""
    column = names if isinstance(names, pd.Series) else pd.Series(list(names), dtype=object)
    found, different = pd.factorize(column, use_na_sentinel=False)
    places = np.empty(len(different), dtype=np.int64)
    places[different.astype("str").argsort()] = np.arange(len(different))
    return np.asarray(places[found])


def _ranked(groups: Names, strata: Names | None, *, cases: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ranks of each case's group and stratum, which is the same for all where none are given; ValueError if the
    lists differ in length."""
    if not len(groups) == (cases if strata is None else len(strata)) == cases:
        told = "no" if strata is None else len(strata)
        raise ValueError(f"{cases} values, {len(groups)} groups, {told} strata")
    return ranks(groups), np.zeros(cases, dtype=np.int64) if strata is None else ranks(strata)


def _codes(of_group: NDArray[np.int64], of_stratum: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each case the number of its group (N), and for each group the number of its stratum (G), from their ranks."""
    # In the order of their names, so that the draws, and with them the bounds, don't depend on the order of the rows.
    many = of_group.max(initial=0) + 1
    different, codes = np.unique(of_stratum * many + of_group, return_inverse=True)
    return codes, np.unique(different // many, return_inverse=True)[1]


def _alike(present: NDArray[np.bool_]) -> list[list[int]]:
    """The columns of a table (G K) in lists of those that are equal."""
    found: dict[bytes, list[int]] = {}
    for column in range(present.shape[1]):
        found.setdefault(present[:, column].tobytes(), []).append(column)
    return list(found.values())


def _group_means(
    numbers: NDArray[np.float64], codes: NDArray[np.int64], defined: NDArray[np.bool_], *, count: int
) -> NDArray[np.float64]:
    """The mean of each group's defined cases, G K; NaN where a group has none."""
    means = np.empty((count, numbers.shape[1]))
    # One column after the other: sums and counts of all would be as large as the numbers themselves.
    for column, known in enumerate(defined.T):
        sums = np.bincount(codes, weights=np.where(known, numbers[:, column], 0.0), minlength=count)
        counts = np.bincount(codes, weights=known, minlength=count)
        with np.errstate(invalid="ignore"):
            means[:, column] = sums / counts
    return means


def _intervals(
    by_stratum: Sequence[NDArray[np.float64]], bootstrap: Bootstrap
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bounds of K columns from the group means of each stratum (G_s K)."""
    columns = by_stratum[0].shape[1]
    if min(len(means) for means in by_stratum) < 2:
        return np.full(columns, math.nan), np.full(columns, math.nan)
    tail = (1 - bootstrap.confidence) / 2
    low, high = np.quantile(_resampled(by_stratum, bootstrap), [tail, 1 - tail], axis=0)
    return low, high


def _ratio_interval(by_stratum: Sequence[NDArray[np.float64]], bootstrap: Bootstrap) -> tuple[float, float]:
    """Bounds of the first column's mean over the second's from the group means of each stratum (G_s 2)."""
    if min(len(means) for means in by_stratum) < 2:
        return math.nan, math.nan
    above, below = _resampled(by_stratum, bootstrap).T
    if below.min() <= 0:
        return math.nan, math.nan
    return percentile_interval(above / below, bootstrap.confidence)


def _resampled(by_stratum: Sequence[NDArray[np.float64]], bootstrap: Bootstrap) -> NDArray[np.float64]:
    """The resampled means (R K) of all strata together."""
    rng = np.random.default_rng(bootstrap.seed)
    columns = by_stratum[0].shape[1]
    resampled = np.zeros((bootstrap.resamples, columns))
    for means in by_stratum:
        resampled += _resampled_means(means, bootstrap.resamples, rng)
    return resampled / len(by_stratum)


def _resampled_means(means: NDArray[np.float64], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The means (R K) of `resamples` draws of groups (G K) with replacement, in chunks that fit the cache."""
    return np.concatenate([shares @ means for shares in _draws(len(means), resamples, rng)])


def _draws(groups: int, resamples: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Each draw of groups with replacement as the share that every group has in it (R G), some draws at a time."""
    step = max(1, min(resamples, CHUNK_ENTRIES // groups))
    for start in range(0, resamples, step):
        picks = rng.integers(groups, size=(min(step, resamples - start), groups), dtype=np.int32)
        yield np.stack([np.bincount(drawn, minlength=groups) for drawn in picks]) / groups


def group_draws(groups: int, bootstrap: Bootstrap) -> Iterator[NDArray[np.float64]]:
    """The resamples of one dataset's groups as shares (R G), a part at a time: for what is no mean of cases."""
    return _draws(groups, bootstrap.resamples, np.random.default_rng(bootstrap.seed))


def percentile_interval(resampled: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Lower and upper bound from resampled values (R)."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def group_numbers(groups: Names) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The number of each case's group (N), in the order of their names, and how many cases each group has (G)."""
    found = ranks(groups)
    return found, np.bincount(found)


def group_weights(groups: Names) -> NDArray[np.float64]:
    """Each case's weight (N) in a mean over groups of the mean over each group's cases; they sum to 1."""
    codes, counts = group_numbers(groups)
    return np.asarray(1.0 / (counts[codes] * len(counts)), dtype=np.float64)
