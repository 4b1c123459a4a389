"""A model's own IoU estimates and the true IoU to a monotone map from one to the other (isotonic regression).

Pool-adjacent-violators gives blocks of cases with one mean IoU each (Zadrozny and Elkan 2002); the map runs straight
from one block's centre to the next (Oron and Flournoy 2017), so that it keeps the order of the estimates between them
and a threshold may lie anywhere. Blocks of a few cases are joined to their nearer neighbour: the mean of two cases is
no rate. Every group (patient, video) weighs the same. Leaves out: the threshold (threshold.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from components.evaluation.comparing.statistics import group_weights
from components.promptable.calibration import QualityMap

Vector = NDArray[np.float64]


def fit_quality_map(quality: Vector, iou: Vector, groups: Sequence[str], *, min_block_cases: int) -> QualityMap:
    """Fit the map to estimates and true IoU (N each, 0 to 1).

    Raises
    ------
    ValueError
        If there is no case.
    """
    if len(quality) == 0:
        raise ValueError("no case to fit a map to")
    weights = group_weights(groups)
    # Equal estimates are one point; else the map would ask for two answers to one question.
    levels, codes = np.unique(np.clip(quality, 0, 1), return_inverse=True)
    mass: Vector = np.bincount(codes, weights=weights).astype(np.float64)
    mean_iou = np.bincount(codes, weights=weights * iou) / mass
    starts = isotonic_regression(mean_iou, weights=mass).blocks.tolist()
    counts = np.bincount(codes)
    starts = _join_small(starts, mean_iou, mass, counts, min_cases=min_block_cases)
    points = []
    for start, stop in zip(starts, [*starts[1:], len(levels)], strict=False):
        own = slice(start, stop)
        points.append((_mean(levels[own], mass[own]), _mean(mean_iou[own], mass[own])))
    return QualityMap(points=_to_ends(points, low=float(levels[0]), high=float(levels[-1])))


def _to_ends(points: list[tuple[float, float]], *, low: float, high: float) -> tuple[tuple[float, float], ...]:
    """Go on from the outermost centres, at the slope beside them, to the lowest and highest estimate met.

    Else all cases in the outer half of the worst and of the best block would be equal, and no threshold could part
    them.
    """
    if len(points) < 2:
        return tuple(points)
    (x0, y0), (x1, y1) = points[:2]
    (x2, y2), (x3, y3) = points[-2:]
    first = (low, max(0.0, y0 - (y1 - y0) / (x1 - x0) * (x0 - low)))
    last = (high, min(1.0, y3 + (y3 - y2) / (x3 - x2) * (high - x3)))
    return ((first,) if low < x0 else ()) + tuple(points) + ((last,) if high > x3 else ())


def _join_small(
    starts: list[int], mean_iou: Vector, mass: Vector, counts: NDArray[np.int64], *, min_cases: int
) -> list[int]:
    """Join blocks of fewer than `min_cases` cases to the neighbour with the nearer mean IoU, the smallest first.

    Returns where the blocks start that are left. Means of neighbours ascend, so that a joined block's mean lies between
    theirs.
    """
    bounds = [start for start in starts if start < len(counts)] + [len(counts)]
    while len(bounds) > 2:
        sizes = [int(counts[low:high].sum()) for low, high in pairwise(bounds)]
        smallest = int(np.argmin(sizes))
        if sizes[smallest] >= min_cases:
            break
        means = [_mean(mean_iou[low:high], mass[low:high]) for low, high in pairwise(bounds)]
        below = means[smallest] - means[smallest - 1] if smallest else np.inf
        above = means[smallest + 1] - means[smallest] if smallest + 1 < len(means) else np.inf
        del bounds[smallest if below <= above else smallest + 1]
    return bounds[:-1]


def cross_fitted(
    quality: Vector, iou: Vector, groups: Sequence[str], *, min_block_cases: int, folds: int = 5
) -> Vector | None:
    """Calibrated estimates (N), each by a map that never saw its group; None with fewer than two groups."""
    names, codes = np.unique(np.asarray(groups, dtype=object), return_inverse=True)
    if len(names) < 2:
        return None
    fold_of_case = codes % min(folds, len(names))
    out = np.empty(len(quality))
    for fold in np.unique(fold_of_case):
        own = fold_of_case == fold
        rest = [group for group, held in zip(groups, own, strict=True) if not held]
        fitted = fit_quality_map(quality[~own], iou[~own], rest, min_block_cases=min_block_cases)
        out[own] = fitted.apply(quality[own])
    return out


def _mean(values: Vector, weights: Vector) -> float:
    return float(np.clip(np.average(values, weights=weights), 0, 1))
