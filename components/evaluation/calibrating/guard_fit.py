"""Descriptions of ultrasound images to a fitted guard (components/promptable/guard.py), and its threshold.

Centre and spread of each feature come from quantiles, so that a few odd images move neither. A description's unit is
the distance that nine in ten of the images it was fitted on keep within, so that image and embedding can be held
against each other. The threshold comes from other images, of the validation side: the lowest that flags at most a
declared share of further images like them, as split conformal prediction has it (Vovk et al. 2005): the ceil((n + 1)(1
− share))-th smallest score of n. Where n is too small for that it is the largest score, and the share isn't known.
Leaves out: reading images (calibrate.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.promptable.guard import Guard, PartFit

Vector = NDArray[np.float64]
TAIL = 0.05
TAIL_SD = 1.6449
"""Standard deviations from the centre of a normal distribution to the quantile that leaves TAIL above it."""
UNIT_QUANTILE = 0.9
"""Not higher: one odd image among a few would set the unit, and hide the other description."""
LEAST_IMAGE_SPREAD = 0.05
"""Features of images that hardly differ among those seen (no colour in any) still may by this much."""
LEAST_EMBEDDING_SHARE = 0.1
"""No channel counts as steadier than this share of the median channel's spread."""


@dataclass(frozen=True, slots=True)
class Described:
    """What the guard sees of one image: its own features, and those of its embedding."""

    image: Vector
    embedding: Vector


@dataclass(frozen=True, slots=True)
class FittedGuard:
    """A guard, and whether its threshold is known to keep to the declared share of false alarms."""

    guard: Guard
    reached: bool


def fit_guard(seen: Sequence[Described], held_out: Sequence[Described], *, false_alarm_share: float) -> FittedGuard:
    """Fit centres, spreads and units on `seen`, and choose the threshold on `held_out`.

    Raises
    ------
    ValueError
        If either is empty.
    """
    if not seen or not held_out:
        raise ValueError(f"{len(seen)} images to fit the guard to, {len(held_out)} for its threshold")
    image = _fit_part(np.stack([one.image for one in seen]), LEAST_IMAGE_SPREAD)
    channels = np.stack([one.embedding for one in seen])
    embedding = _fit_part(channels, LEAST_EMBEDDING_SHARE * float(np.median(_spread(channels))))
    scores = np.sort([max(image.distance(one.image), embedding.distance(one.embedding)) for one in held_out])
    place = math.ceil((len(scores) + 1) * (1 - false_alarm_share) - 1e-9)
    reached = place <= len(scores)
    threshold = max(float(scores[min(place, len(scores)) - 1]), 1e-9)
    return FittedGuard(Guard(image=image, embedding=embedding, threshold=_short(threshold)), reached)


def _fit_part(features: Vector, least: float) -> PartFit:
    """Fit one description to features (N F)."""
    centre = [_short(value) for value in np.median(features, axis=0)]
    spread = [_short(value) for value in np.maximum(_spread(features), max(least, 1e-6))]
    raw = PartFit(centre=tuple(centre), spread=tuple(spread), unit=1.0)
    unit = float(np.quantile([raw.distance(row) for row in features], UNIT_QUANTILE))
    return raw.model_copy(update={"unit": _short(max(unit, 1e-6))})


def _spread(features: Vector) -> Vector:
    """Each feature's standard deviation as its 5th and 95th percentile give it (F)."""
    low, high = np.quantile(features, [TAIL, 1 - TAIL], axis=0)
    return np.asarray((high - low) / (2 * TAIL_SD), dtype=np.float64)


def _short(value: float) -> float:
    """Six digits are enough, and keep the file small."""
    return float(f"{value:.6g}")
