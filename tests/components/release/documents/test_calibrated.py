"""When an outline comes with a warning is said as the calibration says it."""

from __future__ import annotations

from typing import Any

from components.promptable.calibration import UNCALIBRATED
from components.release.documents.calibrated import WITHOUT, warning_words


def calibration(**changes: Any) -> dict[str, Any]:
    """What the words need of a `calibration.json`."""
    how = {
        "forms": ["with_box", "without_box"],
        "cases": 40,
        "groups": 30,
        "sufficient": True,
        "max_failure_share": 0.05,
        "failure_iou": 0.5,
        "reached": True,
    }
    return {"threshold": 0.625, "how": {**how, **changes}}


def test_a_threshold_its_aim_and_on_what_it_was_chosen() -> None:
    told = warning_words(calibration())
    assert told.startswith("Outlines with a confidence below 0.625 come with a warning: at most 5 % of all outlines")
    assert "(chosen on 40 validation cases in 30 groups). So do empty ones and those on images that the guard" in told
    assert told.endswith("the ultrasound that the model knows")
    assert warning_words(calibration(forms=["with_box"])).endswith(
        "and those of prompts without a box, which weren't calibrated"
    )
    assert "too few to hold it as known" in warning_words(calibration(sufficient=False))


def test_no_threshold_and_no_calibration_are_said() -> None:
    assert warning_words(calibration(reached=False)).startswith("Every outline comes with a warning")
    assert warning_words(None) == WITHOUT and UNCALIBRATED in WITHOUT
