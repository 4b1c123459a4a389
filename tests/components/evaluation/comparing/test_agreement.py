"""Bland and Altman's numbers, by hand; pixels and square millimetres apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from components.evaluation.comparing.agreement import area_agreement

CASES = pd.DataFrame(
    {
        "area_px": [100, 200, 300, 400],
        "predicted_area_px": [110, 200, 320, 0],
        "spacing_row_mm": [0.1, 0.1, 0.1, np.nan],
        "spacing_column_mm": [0.2, 0.2, 0.2, np.nan],
    }
)


def test_by_hand() -> None:
    found = area_agreement(CASES, "px")
    assert found is not None and found.differences.tolist() == [10, 0, 20, -400], "a miss has no area, and counts"
    assert found.means.tolist() == [105, 200, 310, 200]
    spread = 1.96 * float(np.std([10, 0, 20, -400], ddof=1))
    assert found.bias == pytest.approx(-92.5)
    assert (found.low, found.high) == pytest.approx((-92.5 - spread, -92.5 + spread))


def test_millimetres_only_where_the_spacing_is_known() -> None:
    found = area_agreement(CASES, "mm²")
    assert found is not None and found.differences == pytest.approx([0.2, 0.0, 0.4])
    assert area_agreement(CASES.iloc[2:], "mm²") is None, "one case has no limits"
