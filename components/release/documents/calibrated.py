"""A model's `calibration.json` to sentences: when an outline comes with a warning, and on what that was chosen.

Leaves out: reading the file for use (components/promptable/calibration.py), which takes torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNCALIBRATED = "The model's estimate of its IoU isn't calibrated, and no outline comes with a warning"


def warning_words(calibration: Mapping[str, Any] | None) -> str:
    """When an outline comes with a warning."""
    if calibration is None:
        return UNCALIBRATED
    how = calibration["how"]
    on = f"chosen on {how['cases']} validation cases in {how['groups']} groups"
    few = "" if how["sufficient"] else ", too few to hold it as known"
    aim = (
        f"at most {100 * how['max_failure_share']:g} % of all outlines are to pass without a warning and yet have an "
        f"IoU below {how['failure_iou']:g}"
    )
    if not how["reached"]:
        return f"Every outline comes with a warning: no confidence was found at which {aim} ({on}{few})"
    return f"Outlines with a confidence below {calibration['threshold']:.3f} come with a warning: {aim} ({on}{few})"
