"""Cases with a stated confidence to how far it can be trusted: reliability, its error, and risk over coverage.

Confidence is the IoU that a model states, calibrated where it has a calibration. In the reliability table, cases are
binned by it and each bin's mean confidence stands beside its mean true IoU; the expected calibration error is the mean
of their distances, each bin weighing as much as its cases (Naeini et al. 2015). Risk is 1 − Dice: where only the most
confident cases are kept (their share is the coverage), the selective risk is the mean risk of those, and the area under
that curve (AURC, Geifman and El-Yaniv 2017) is the mean over all coverages: low if bad outlines come with low
confidence and outlines are good. Cases of equal confidence are kept or left out together. Every group (patient, video)
weighs the same, and intervals come from resampling groups.

Deleting a prediction (its Dice becomes 0, while its confidence stays) never lowers a risk, an AURC, and never raises
the Dice of what is kept. The calibration error has no such property: where a model states less than is true, a worse
answer fits its statement better; so it is never to be read without Dice. It is also never below 0, so that with few
cases it leans upward, and its interval with it.

Leaves out: how a calibration is made (components/evaluation/calibrating), JSON (confidence_tables.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from components.evaluation.comparing.statistics import (
    Bootstrap,
    Estimate,
    Names,
    group_draws,
    group_numbers,
    group_weights,
    percentile_interval,
)

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The cases with a confidence from `low` to below `high`: number, share of the weight, both means."""

    low: float
    high: float
    n: int
    share: float
    quality: float
    iou: float


@dataclass(frozen=True, slots=True)
class RiskCurve:
    """Selective risk (K) at coverages (K, ascending to 1): of the cases of at least a confidence, ties together."""

    coverage: Vector
    risk: Vector


def reliability(confidence: Vector, iou: Vector, groups: Names, *, bins: int) -> list[ReliabilityBin]:
    """The bins of equal width on 0 to 1 that hold a case (N confidences, true IoU and groups)."""
    weights, places = group_weights(groups), _places(confidence, bins)
    found = []
    for place in np.unique(places):
        own = places == place
        mass = weights[own]
        found.append(
            ReliabilityBin(
                low=float(place / bins),
                high=float((place + 1) / bins),
                n=int(own.sum()),
                share=float(mass.sum()),
                quality=float(np.average(confidence[own], weights=mass)),
                iou=float(np.average(iou[own], weights=mass)),
            )
        )
    return found


def calibration_error(confidence: Vector, iou: Vector, groups: Names, *, bins: int, bootstrap: Bootstrap) -> Estimate:
    """The expected calibration error (N confidences, true IoU and groups), with an interval."""
    if len(confidence) == 0:
        return _nothing()
    codes, within, count = _grouped(groups)
    distance = np.zeros((count, bins))  # G B
    np.add.at(distance, (codes, _places(confidence, bins)), within * (confidence - iou))
    mean = float(np.abs(distance.mean(axis=0)).sum())
    resampled = [np.abs(shares @ distance).sum(axis=1) for shares in group_draws(count, bootstrap)]
    return _estimate(mean, np.concatenate(resampled), n=len(confidence), groups=count, bootstrap=bootstrap)


def risk_coverage(confidence: Vector, risk: Vector, groups: Names) -> RiskCurve:
    """The curve of N cases; empty without any."""
    if len(confidence) == 0:
        return RiskCurve(np.empty(0), np.empty(0))
    weights = group_weights(groups)
    levels = _levels(confidence)
    coverage: Vector = np.cumsum(np.bincount(levels, weights=weights)).astype(np.float64)
    lost: Vector = np.cumsum(np.bincount(levels, weights=weights * risk)).astype(np.float64)
    return RiskCurve(coverage, lost / coverage)


def area_under_risk(confidence: Vector, risk: Vector, groups: Names, *, bootstrap: Bootstrap) -> Estimate:
    """AURC: the selective risk's mean over all coverages, with an interval (N confidences, risks and groups)."""
    if len(confidence) == 0:
        return _nothing()
    mean, resampled = _drawn_areas(confidence, risk, groups, bootstrap)
    return _estimate(mean, resampled, n=len(confidence), groups=len(group_numbers(groups)[1]), bootstrap=bootstrap)


def area_difference(
    first: tuple[Vector, Vector], second: tuple[Vector, Vector], groups: Names, *, bootstrap: Bootstrap
) -> Estimate:
    """The first AURC minus the second, of confidences and risks (N each) on the same cases, both resampled together."""
    if len(groups) == 0:
        return _nothing()
    (mean, resampled), (other, of_other) = (_drawn_areas(*one, groups, bootstrap) for one in (first, second))
    return _estimate(
        mean - other, resampled - of_other, n=len(groups), groups=len(group_numbers(groups)[1]), bootstrap=bootstrap
    )


def _drawn_areas(confidence: Vector, risk: Vector, groups: Names, bootstrap: Bootstrap) -> tuple[float, Vector]:
    """The area of all groups, and of each resample (R)."""
    codes, within, count = _grouped(groups)
    levels = _levels(confidence)
    shape = (count, int(levels.max()) + 1)
    mass = sparse.csr_array((within, (codes, levels)), shape=shape)
    lost = sparse.csr_array((within * risk, (codes, levels)), shape=shape)
    whole = np.full((1, count), 1 / count)
    resampled = [_areas(shares, mass, lost) for shares in group_draws(count, bootstrap)]
    return float(_areas(whole, mass, lost)[0]), np.concatenate(resampled)


def _areas(shares: Vector, mass: sparse.csr_array, lost: sparse.csr_array) -> Vector:
    """The area (R) for each draw of groups (R G), from what every group has at each level of confidence (G K)."""
    kept = np.asarray((mass.T @ shares.T).T)  # R K
    coverage = np.cumsum(kept, axis=1)
    risk = np.cumsum(np.asarray((lost.T @ shares.T).T), axis=1)
    selective = np.divide(risk, coverage, out=np.zeros_like(risk), where=coverage > 0)
    return np.asarray((kept * selective).sum(axis=1) / coverage[:, -1])


def _levels(confidence: Vector) -> NDArray[np.int64]:
    """Each case's place (N) among the confidences met, the highest first."""
    return np.unique(-confidence, return_inverse=True)[1].astype(np.int64)


def _places(confidence: Vector, bins: int) -> NDArray[np.int64]:
    """Each case's bin (N); a confidence of 1 belongs to the last."""
    return np.clip((confidence * bins).astype(np.int64), 0, bins - 1)


def _grouped(groups: Names) -> tuple[NDArray[np.int64], Vector, int]:
    """Each case's group as a number (N), its weight within that group (N), and how many groups there are."""
    codes, counts = group_numbers(groups)
    return codes, 1.0 / counts[codes], len(counts)


def _estimate(mean: float, resampled: Vector, *, n: int, groups: int, bootstrap: Bootstrap) -> Estimate:
    low, high = percentile_interval(resampled, bootstrap.confidence) if groups > 1 else (math.nan, math.nan)
    return Estimate(mean, low, high, n=n, groups=groups, undefined=0)


def _nothing() -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, n=0, groups=0, undefined=0)
