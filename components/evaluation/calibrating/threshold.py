"""Confidences and failures of validation cases to the confidence below which an outline comes with a warning.

The rule is that of conformal risk control (Angelopoulos et al. 2022, arXiv 2208.02814): the risk of a threshold is the
share of all cases that fail and yet pass without a warning, which never rises with the threshold, and the lowest
threshold is taken at which (n · risk + 1) / (n + 1) keeps to the declared share, for n groups that each weigh the same.
If further patients are like those of the validation side, the expected share of such outlines among theirs is then no
larger, however few the groups were: with fewer than 1 / share − 1 of them no threshold can do it, and none is found.

The validation side also chose the checkpoint, so that it is a little kinder than other images. Leaves out: what a
confidence is (quality_map.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.evaluation.comparing.statistics import group_weights

NONE_REACHED = 1.0


@dataclass(frozen=True, slots=True)
class ChosenThreshold:
    """The threshold, whether it reaches the declared share, and the share that the rule gives it."""

    threshold: float
    reached: bool
    bound: float


def choose_threshold(
    confidence: NDArray[np.float64], failed: NDArray[np.bool_], groups: Sequence[str], *, max_share: float
) -> ChosenThreshold:
    """The lowest threshold, of 0 and the confidences met (N), at which failures that pass keep to `max_share`.

    Where none does, `reached` is false, the threshold is 1, and the bound is that of the highest confidence met.

    Raises
    ------
    ValueError
        If there is no case.
    """
    if len(confidence) == 0:
        raise ValueError("no case to choose a threshold by")
    weights = group_weights(groups)
    count = len(set(groups))
    bound = 1.0
    for threshold in np.unique([0.0, *confidence]):
        passing = float((weights * (failed & (confidence >= threshold))).sum())
        bound = min(1.0, (count * passing + 1) / (count + 1))
        if bound <= max_share + 1e-12:
            return ChosenThreshold(float(threshold), True, bound)
    return ChosenThreshold(NONE_REACHED, False, bound)
