"""What the library found to the types of an answer: masks in all their forms, confidence, and the guard's finding.

Leaves out: finding it (predictor.py).
"""

from __future__ import annotations

from components.masks import tight_box, to_polygons, to_rle
from components.promptable.calibration import UNCALIBRATED, Calibration, Judged
from components.promptable.guard import GuardFinding
from components.types import Prediction, Prompt
from serving.engine.cache import Embedded
from serving.schema.answers import GuardOut, ImageOut, ObjectOut, RleOut
from serving.schema.card import CalibrationOut


def image_out(image_id: str, embedded: Embedded) -> ImageOut:
    """An embedded image, and what the guard found."""
    finding = embedded.finding
    guard = None
    if finding is not None:
        guard = GuardOut(flagged=finding.flagged, score=finding.score, threshold=finding.threshold, told=finding.told)
    return ImageOut(width=embedded.size_hw[1], height=embedded.size_hw[0], id=image_id, guard=guard)


def calibration_out(calibration: Calibration | None) -> CalibrationOut:
    """How the confidence was made, or that there is none."""
    if calibration is None:
        return CalibrationOut(calibrated=False, told=UNCALIBRATED)
    return CalibrationOut(
        calibrated=True,
        told=calibration.how.told,
        threshold=calibration.threshold,
        guard_threshold=calibration.guard.threshold,
        how=calibration.how.model_dump(mode="json"),
    )


def judged(
    calibration: Calibration | None, prompt: Prompt, prediction: Prediction, finding: GuardFinding | None
) -> Judged | None:
    """What a calibration, if there is one, says of the answer to a prompt on an image of this finding."""
    if calibration is None:
        return None
    boxed, empty = prompt.box_xyxy is not None, not prediction.mask.any()
    return calibration.judge(prediction.quality, boxed=boxed, empty=empty, finding=finding)


def object_out(prediction: Prediction, verdict: Judged | None) -> ObjectOut:
    """One outline in all its forms, and how far it can be trusted."""
    rle = to_rle(prediction.mask)
    return ObjectOut(
        mask=RleOut(size=(rle["size"][0], rle["size"][1]), counts=rle["counts"]),
        polygons=to_polygons(prediction.mask),
        box=tight_box(prediction.mask),
        area_px=int(prediction.mask.sum()),
        quality=prediction.quality,
        confidence=None if verdict is None else verdict.confidence,
        abstain=None if verdict is None else verdict.abstain,
        reasons=[UNCALIBRATED] if verdict is None else list(verdict.reasons),
    )
