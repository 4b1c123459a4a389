"""A calibration for a model of a digest, with whatever a test wants to be otherwise."""

from __future__ import annotations

from typing import Any

from components.promptable.calibration import Calibration, HowChosen, QualityMap
from components.promptable.guard import IMAGE_FEATURES, Guard, PartFit

CHANNELS = 2 * (32 + 64 + 256)


def make_calibration(digest: str, *, threshold: float = 0.5, limit: float = 1e9, **how: Any) -> Calibration:
    """Estimates are halved and a quarter added; the guard flags what scores above `limit`: by default nothing."""
    told: dict[str, Any] = {
        "kinds": ("box_jitter", "click"),
        "forms": ("with_box", "without_box"),
        "cases": 60,
        "groups": 40,
        "sufficient": True,
        "failure_iou": 0.5,
        "max_failure_share": 0.05,
        "reached": True,
        "failure_bound": 0.04,
        "kept_share": 0.9,
        "kept_dice": 0.85,
        "kept_iou": 0.75,
        "ece_before": 0.1,
        "ece_after": 0.05,
        "guard_images": 100,
        "guard_val_images": 40,
        "guard_false_alarm_share": 0.05,
        "guard_reached": True,
        "phantom": True,
    }
    features = len(IMAGE_FEATURES)
    return Calibration(
        model_digest=digest,
        quality=QualityMap(points=((0.0, 0.25), (1.0, 0.75))),
        threshold=threshold,
        how=HowChosen(**(told | how)),
        guard=Guard(
            image=PartFit(centre=(0.0,) * features, spread=(1.0,) * features, unit=1.0),
            embedding=PartFit(centre=(0.0,) * CHANNELS, spread=(1.0,) * CHANNELS, unit=1e9),
            threshold=limit,
        ),
    )
