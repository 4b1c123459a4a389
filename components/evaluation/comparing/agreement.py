"""Areas of truth and prediction to the limits within which they agree (Bland and Altman, Lancet 1986).

The mean difference, predicted minus true, says whether a model draws too large or too small; the limits, 1.96 standard
deviations to either side, hold about 95 % of the differences if those are spread like a normal distribution. Each case
is one object, so that patients with many objects weigh more than in the means of `metrics.json`, and the limits say
nothing of the mean of a patient. Square millimetres are told only of cases whose spacing is known, and never together
with pixels. A missed object counts with an area of nothing. Leaves out: drawing (components/evaluation/reporting).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

AreaUnit = Literal["px", "mm²"]
MIN_CASES = 3


@dataclass(frozen=True, slots=True)
class Agreement:
    """The means of both areas and their differences (N cases each), and what they come to, in `unit`."""

    unit: AreaUnit
    means: NDArray[np.float64]  # N
    differences: NDArray[np.float64]  # N
    bias: float
    low: float
    high: float


def area_agreement(cases: pd.DataFrame, unit: AreaUnit) -> Agreement | None:
    """How far areas agree over rows of one model and prompt; None with fewer than three cases in that unit."""
    pixel = pd.Series(1.0, index=cases.index) if unit == "px" else cases["spacing_row_mm"] * cases["spacing_column_mm"]
    true, predicted = (cases[name] * pixel for name in ("area_px", "predicted_area_px"))
    known = pixel.notna().to_numpy()
    means = ((true + predicted) / 2).to_numpy(dtype=np.float64)[known]
    differences = (predicted - true).to_numpy(dtype=np.float64)[known]
    if differences.size < MIN_CASES:
        return None
    bias, spread = float(differences.mean()), 1.96 * float(differences.std(ddof=1))
    return Agreement(unit, means, differences, bias, bias - spread, bias + spread)
