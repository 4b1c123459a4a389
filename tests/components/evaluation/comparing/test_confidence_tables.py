"""What metrics.json says of confidence: with and without calibration, of whom, and of the guard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from components.evaluation.comparing.confidence_tables import Tried, confidence_by_prompt, guard_findings
from components.evaluation.comparing.statistics import Bootstrap
from components.evaluation.scoring.cases import Contender
from tests.components.promptable.calibrations import make_calibration

BOOTSTRAP = Bootstrap(resamples=100, confidence=0.95, seed=1, min_groups=2)
CALIBRATED = Contender(0, "a" * 64, "s", phantom=True, calibration=make_calibration("a" * 64, threshold=0.6, limit=1.0))
PLAIN = Contender(0, "b" * 64, "c", phantom=True)


def row(image: int, who: str, dice: float, quality: float, **changes: Any) -> dict[str, Any]:
    return {
        "dataset": "busi",
        "image_id": f"i{image}",
        "group": f"g{image}",
        "prompt": "box",
        "model": who,
        "dice": dice,
        "iou": dice / (2 - dice),
        "quality": quality,
        "confidence": np.nan,
        "abstain": np.nan,
        "guard_score": np.nan,
        **changes,
    }


def test_with_a_calibration_what_is_acted_on_is_told() -> None:
    held = [0.0, 0.0, 1.0, 1.0]
    rows = [
        row(i, "student", dice, 0.9, confidence=0.9 - i / 10, abstain=held[i])
        for i, dice in enumerate((0.9, 0.8, 0.4, 0.7))
    ]
    found = confidence_by_prompt(pd.DataFrame(rows), {"student": CALIBRATED}, bins=10, bootstrap=BOOTSTRAP)
    one = found["box"]["student"]
    assert one["calibrated"] and (one["n"], one["groups"]) == (4, 4)
    assert one["abstained"]["mean"] == 0.5
    assert one["dice_kept"]["mean"] == pytest.approx(0.85) and one["dice_kept"]["undefined"] == 2
    assert one["ece_raw"]["mean"] == pytest.approx(0.9 - np.mean([row["iou"] for row in rows]))
    assert one["risk_coverage"][-1] == {"coverage": 1.0, "risk": pytest.approx(0.3)}
    assert [point["coverage"] for point in one["risk_coverage"]] == [0.25, 0.5, 0.75, 1.0]


def test_without_a_calibration_the_models_own_estimate_stands_and_nothing_is_acted_on() -> None:
    rows = [row(i, who, 0.8, 0.7) for i in range(3) for who in ("student", "champion", "teacher", "ellipse")]
    for one in rows:
        if one["model"] == "ellipse":
            one["quality"] = np.nan
    rows += [row(i, "student", np.nan, 0.4, prompt="box_nothing") for i in range(3)]
    found = confidence_by_prompt(
        pd.DataFrame(rows), {"student": PLAIN, "champion": PLAIN, "teacher": PLAIN}, bins=10, bootstrap=BOOTSTRAP
    )
    assert set(found) == {"box"} and set(found["box"]) == {"student", "champion"}
    one = found["box"]["student"]
    assert not one["calibrated"] and "abstained" not in one and "dice_kept" not in one
    assert one["ece"] == one["ece_raw"] and one["ece"]["mean"] == pytest.approx(0.7 - 0.8 / 1.2)


def test_answers_without_an_estimate_count_as_those_of_no_confidence() -> None:
    rows = [
        row(i, "student", dice, quality, confidence=quality, abstain=0.0)
        for i, (dice, quality) in enumerate([(0.9, 0.9), (0.8, 0.8), (0.2, 0.7)])
    ]
    rows[2] |= {"quality": np.nan, "confidence": np.nan, "abstain": 1.0}
    for model in (CALIBRATED, PLAIN):
        found = confidence_by_prompt(pd.DataFrame(rows), {"student": model}, bins=10, bootstrap=BOOTSTRAP)
        one = found["box"]["student"]
        assert one["n"] == 3 and one["reliability"][0]["quality"] == 0
        assert one["risk_coverage"][-1] == {"coverage": 1.0, "risk": pytest.approx(1.1 / 3)}


def test_deleting_a_prediction_never_raises_the_dice_of_what_is_kept() -> None:
    rows = [row(i, "student", 0.5 + i / 10, 0.9, confidence=0.9, abstain=float(i == 0)) for i in range(4)]
    for gone in range(4):
        changed = [one | ({"dice": 0.0, "iou": 0.0} if i == gone else {}) for i, one in enumerate(rows)]
        before, after = (
            confidence_by_prompt(pd.DataFrame(of), {"student": CALIBRATED}, bins=10, bootstrap=BOOTSTRAP)["box"][
                "student"
            ]
            for of in (rows, changed)
        )
        assert after["dice_kept"]["mean"] <= before["dice_kept"]["mean"]
        assert after["abstained"] == before["abstained"]


def test_the_guard_is_held_against_images_not_cases() -> None:
    rows = [
        row(i, "student", 0.8, 0.7, guard_score=0.5 + i, prompt=kind) for i in range(3) for kind in ("box", "click")
    ]
    rows += [row(i, "student", 0.8, 0.7, guard_score=0.5, dataset="fugc") for i in range(2)]
    tried = [Tried("text_page", 8, 7)]
    found = guard_findings(pd.DataFrame(rows), CALIBRATED, who="student", tried=tried, bootstrap=BOOTSTRAP)
    assert found["threshold"] == 1.0
    assert found["not_ultrasound"] == [{"kind": "text_page", "n": 8, "flagged": 7}]
    assert found["false_alarms"]["busi"]["mean"] == pytest.approx(2 / 3) and found["false_alarms"]["busi"]["n"] == 3
    assert found["false_alarms"]["fugc"]["mean"] == 0
    lost = pd.DataFrame([one | {"guard_score": np.nan} for one in rows])
    unknown = guard_findings(lost, CALIBRATED, who="student", tried=tried, bootstrap=BOOTSTRAP)
    assert unknown["false_alarms"]["fugc"]["mean"] == 1
    with pytest.raises(ValueError, match="no calibration"):
        guard_findings(pd.DataFrame(rows), PLAIN, who="student", tried=tried, bootstrap=BOOTSTRAP)
