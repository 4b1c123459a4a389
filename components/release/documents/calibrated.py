"""A model's `calibration.json` to sentences: when an outline comes with a warning, and on what that was chosen.

Leaves out: the warnings themselves (components/promptable/calibration.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.promptable.calibration import FORM_WORDS, UNCALIBRATED

WITHOUT = f"The model isn't calibrated: with every outline stands “{UNCALIBRATED}”"


def warning_words(calibration: Mapping[str, Any] | None) -> str:
    """When an outline comes with a warning."""
    if calibration is None:
        return WITHOUT
    how = calibration["how"]
    on = f"chosen on {how['cases']} validation cases in {how['groups']} groups"
    few = "" if how["sufficient"] else ", too few to hold it as known"
    aim = (
        f"at most {100 * how['max_failure_share']:g} % of all outlines are to pass without a warning and yet have an "
        f"IoU below {how['failure_iou']:g}"
    )
    if not how["reached"]:
        return f"Every outline comes with a warning: no confidence was found at which {aim} ({on}{few})"
    lacking = [words for form, words in FORM_WORDS.items() if form not in how["forms"]]
    others = ["empty ones", "those on images that the guard flags as unlike the ultrasound that the model knows"]
    others += [f"those of {words}, which weren't calibrated" for words in lacking]
    return (
        f"Outlines with a confidence below {calibration['threshold']:.3f} come with a warning: {aim} ({on}{few}). So "
        f"do {', '.join(others[:-1])} and {others[-1]}"
    )
