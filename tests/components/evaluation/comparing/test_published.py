"""Which published rows break the bound between mean IoU and mean Dice, and that docs/evaluation.md says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluation.comparing.published import PUBLISHED, Published, finding

DOCS = Path(__file__).parents[4] / "docs/evaluation.md"


def row(dice: str, iou: str | None) -> Published:
    return Published("x", "y", "box", dice, iou, "z")


def test_one_published_row_is_impossible_and_one_lies_on_the_bound() -> None:
    found = {(one.system, one.on): finding(one) for one in PUBLISHED}
    assert [key for key, said in found.items() if said == "impossible"] == [("SAM-MedUS", "infant vein")]
    assert [key for key, said in found.items() if said == "equal to the bound"] == [("SAM-MedUS", "adult kidney")]
    assert found["SAM-MedUS", "mean of all sets"] == found["CMU-Net", "BUSI"] == "possible"
    assert {said for (system, _), said in found.items() if system.startswith("UniUltra")} == {"no IoU given"}


def test_by_hand() -> None:
    # An IoU of 50 % allows a Dice of 66.67 %; printed with one digit, 50.0 may be 50.05, which allows 66.71.
    assert finding(row("66.7", "50.0")) == "equal to the bound"
    assert finding(row("66.8", "50.0")) == "impossible"
    assert finding(row("66.8", "50")) == "equal to the bound"  # 50 may be 50.5
    assert finding(row("60.0", "50.0")) == "possible"
    assert finding(row("49.0", "50.0")) == "impossible"  # Dice is never below IoU
    assert finding(row("60.0", None)) == "no IoU given"


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=30), st.integers(0, 3))
def test_no_table_of_real_masks_is_ever_called_impossible(ious: list[float], digits: int) -> None:
    dices = [2 * iou / (1 + iou) for iou in ious]
    printed = [f"{100 * float(np.mean(values)):.{digits}f}" for values in (dices, ious)]
    assert finding(row(*printed)) != "impossible"


@pytest.mark.parametrize("one", PUBLISHED, ids=lambda one: f"{one.system} {one.on}")
def test_the_documentation_shows_every_row_with_its_finding(one: Published) -> None:
    cells = (one.system, one.on, one.prompt, one.dice_percent, one.iou_percent or "–", one.seen_in, finding(one))
    assert f"| {' | '.join(cells)} |" in DOCS.read_text(encoding="utf-8")
