"""What the library found to the types of an answer: masks in all their forms, confidence, and the guard's finding.

Leaves out: finding it (predictor.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from components.findings.measure import Line, Measurements
from components.formats import Region, Spacing
from components.masks import tight_box, to_polygons, to_rle
from components.promptable.calibration import UNCALIBRATED, Calibration, Judged
from components.promptable.guard import GuardFinding
from components.types import Prediction, Prompt
from serving.engine.cache import Embedded
from serving.schema.answers import (
    GuardOut,
    ImageOut,
    LineOut,
    MeasurementsOut,
    ModelOut,
    ObjectOut,
    RegionOut,
    RleOut,
    SpacingOut,
    TimingOut,
)
from serving.schema.card import CalibrationOut


@dataclass(frozen=True, slots=True, eq=False)
class Outlined:
    """One object of an answer: its prompt, what the network said, what the calibration says of it, and all as sent."""

    prompt: Prompt
    prediction: Prediction
    verdict: Judged | None
    out: ObjectOut


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What was found on an image, in the order of the prompts; `phantom` as in the model's description.

    `pixels_sha256` is the image's by whichever model; it goes into the log and to no client.
    """

    model: ModelOut
    phantom: bool
    image: ImageOut
    pixels_sha256: str
    outlines: tuple[Outlined, ...]
    timing_ms: TimingOut

    @property
    def objects(self) -> list[ObjectOut]:
        """The objects as they are sent."""
        return [each.out for each in self.outlines]


def image_out(image_id: str, embedded: Embedded) -> ImageOut:
    """An embedded image, what the guard found, and the scales that its file states."""
    finding, seen = embedded.finding, embedded.seen
    guard = None
    if finding is not None:
        guard = GuardOut(flagged=finding.flagged, score=finding.score, threshold=finding.threshold, told=finding.told)
    return ImageOut(
        width=embedded.size_hw[1],
        height=embedded.size_hw[0],
        id=image_id,
        frame=seen.frame,
        frames=seen.frames,
        guard=guard,
        regions=[
            RegionOut(box=each.box, x_mm=each.x_mm, y_mm=each.y_mm, source=each.source, why=each.why)
            for each in seen.regions
        ],
    )


def regions_of(image: ImageOut) -> list[Region]:
    """The regions of an image that was answered about."""
    return [Region(each.box, each.x_mm, each.y_mm, each.source, each.why) for each in image.regions]


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


def object_out(prediction: Prediction, verdict: Judged | None, measurements: Measurements) -> ObjectOut:
    """One outline in all its forms, measured, and how far it can be trusted."""
    rle = to_rle(prediction.mask)
    return ObjectOut(
        mask=RleOut(size=(rle["size"][0], rle["size"][1]), counts=rle["counts"]),
        polygons=to_polygons(prediction.mask),
        box=tight_box(prediction.mask),
        area_px=measurements.area_px,
        quality=prediction.quality,
        confidence=None if verdict is None else verdict.confidence,
        abstain=None if verdict is None else verdict.abstain,
        reasons=[UNCALIBRATED] if verdict is None else list(verdict.reasons),
        measurements=_measurements_out(measurements),
    )


def _measurements_out(found: Measurements) -> MeasurementsOut:
    known = found.spacing
    return MeasurementsOut(
        area_px=found.area_px,
        area_mm2=found.area_mm2,
        longest=_line_out(found.longest),
        perpendicular=_line_out(found.perpendicular),
        parts=found.parts,
        spacing=None if known is None else SpacingOut(x_mm=known.x_mm, y_mm=known.y_mm, source=known.source),
        why=found.why,
    )


def measured_as(out: MeasurementsOut) -> Measurements:
    """Measurements as they were answered."""
    known = out.spacing
    return Measurements(
        area_px=out.area_px,
        area_mm2=out.area_mm2,
        longest=None if out.longest is None else _line_of(out.longest),
        perpendicular=None if out.perpendicular is None else _line_of(out.perpendicular),
        parts=out.parts,
        spacing=None if known is None else Spacing(known.x_mm, known.y_mm, known.source),
        why=out.why,
    )


def _line_of(out: LineOut) -> Line:
    return Line(out.start, out.end, out.px, out.mm)


def _line_out(line: Line | None) -> LineOut | None:
    if line is None:
        return None
    return LineOut.model_validate({"from": line.from_xy, "to": line.to_xy, "px": line.length_px, "mm": line.length_mm})
