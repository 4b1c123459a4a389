"""One object to its measurement groups in a DICOM structured report (PS3.16, TID 1410 and TID 1501).

Leaves out: the report around them, and what the groups are for (measurement_report.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from components.findings.dicom_source import ULTRASOUND_IMAGE, DicomSource
from components.findings.finding import Finding, Origin, measured
from components.findings.measure import Line
from components.findings.outline import MAX_EDGES, count_edges, largest_part
from components.findings.segmentation import MANUFACTURER
from components.masks import to_polygons
from components.types import Mask

if TYPE_CHECKING:
    from highdicom.sr import (
        AlgorithmIdentification,
        Measurement,
        MeasurementsAndQualitativeEvaluations,
        PlanarROIMeasurementsAndQualitativeEvaluations,
        QualitativeEvaluation,
        TrackingIdentifier,
    )
    from pydicom.dataset import Dataset
    from pydicom.sr.coding import Code

SCHEME = "99SONOFORGE"
"""The designator of this software's own codes; 99 begins those of private schemes (PS3.16, 8.2)."""
# Graphic data are 32-bit numbers, two a point, in an element of less than 64 KiB (PS3.5, 7.1.2).
MAX_REGION_POINTS = 8000
STRETCH_POINTS = 512


@dataclass(frozen=True, slots=True, eq=False)
class ReportedObject:
    """An object of the report, by its number from 1."""

    source: DicomSource
    finding: Finding
    label: str
    number: int

    def tracking(self) -> TrackingIdentifier:
        """By what the object is known in all files."""
        from highdicom.sr import TrackingIdentifier

        return TrackingIdentifier(self.source.tracking_uid(self.finding.mask, self.number), self.label)

    def frames(self) -> list[int] | None:
        """The source's frame, None where it has only one."""
        return None if self.source.frame_number is None else [self.source.frame_number]


def groups_of(
    each: ReportedObject, origin: Origin, segments: Dataset | None
) -> list[MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations]:
    """The measurement groups of an object: its outline, unless it is too ragged, and its diameters where it has any."""
    from highdicom.sr import TextContentItem
    from pydicom.sr.codedict import codes

    ring, off_px = None, 0.0
    if segments is None and each.finding.mask.any() and count_edges(each.finding.mask) <= MAX_EDGES:
        ring, off_px = _ring(each.finding.mask)
    outline = _outline_group(each, _algorithm(origin), segments, ring)
    comment = _comment(each, origin, off_px=off_px)
    outline[0].ContentSequence.append(
        TextContentItem(name=codes.DCM.Comment, value=comment, relationship_type="CONTAINS")
    )
    return [outline, *_diameters(each, origin)]


def _diameters(each: ReportedObject, origin: Origin) -> list[MeasurementsAndQualitativeEvaluations]:
    """The group of the diameters that were measured, and that of those which a person set, which names no algorithm."""
    from highdicom.sr import MeasurementsAndQualitativeEvaluations, QualitativeEvaluation
    from pydicom.sr.codedict import codes

    found = each.finding.measurements
    both = ((found.longest, codes.SCT.LongAxis), (found.perpendicular, codes.SCT.ShortAxis))
    groups = []
    for by_hand in (False, True):
        lines = [
            _diameter(each, line, concept) for line, concept in both if line is not None and line.by_hand == by_hand
        ]
        if not lines:
            continue
        set_by = QualitativeEvaluation(_own("SET_BY", "Diameter set by"), _own("PERSON", "Person, by hand"))
        groups.append(
            MeasurementsAndQualitativeEvaluations(
                tracking_identifier=each.tracking(),
                algorithm_id=None if by_hand else _algorithm(origin),
                measurements=lines,
                qualitative_evaluations=[set_by] if by_hand else None,
            )
        )
    return groups


def _outline_group(
    each: ReportedObject,
    algorithm: AlgorithmIdentification,
    segments: Dataset | None,
    ring: NDArray[np.float64] | None,
) -> MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations:
    from highdicom.sr import (
        ImageRegion,
        MeasurementsAndQualitativeEvaluations,
        PlanarROIMeasurementsAndQualitativeEvaluations,
        ReferencedSegmentationFrame,
        SourceImageForMeasurementGroup,
        SourceImageForRegion,
        SourceImageForSegmentation,
    )

    of = (ULTRASOUND_IMAGE, each.source.sop_uid, each.frames())
    measurements, evaluations = _numbers(each.finding), _evaluations(each.finding)
    if segments is not None:
        segment = ReferencedSegmentationFrame(
            segments.SOPClassUID, segments.SOPInstanceUID, each.number, each.number, SourceImageForSegmentation(*of)
        )
        # A frame of the Segmentation is of one segment, and only one of the two may be named (PS3.3, table 10-3).
        del segment[0].ReferencedSOPSequence[0].ReferencedSegmentNumber
        return PlanarROIMeasurementsAndQualitativeEvaluations(
            each.tracking(),
            referenced_segment=segment,
            algorithm_id=algorithm,
            measurements=measurements,
            qualitative_evaluations=evaluations,
        )
    if ring is None:
        return MeasurementsAndQualitativeEvaluations(
            each.tracking(),
            algorithm_id=algorithm,
            measurements=measurements,
            qualitative_evaluations=evaluations,
            source_images=[SourceImageForMeasurementGroup(*of)],
        )
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        each.tracking(),
        referenced_region=ImageRegion("POLYLINE", ring, SourceImageForRegion(*of)),
        algorithm_id=algorithm,
        measurements=measurements,
        qualitative_evaluations=evaluations,
    )


def _algorithm(origin: Origin) -> AlgorithmIdentification:
    from highdicom.sr import AlgorithmIdentification
    from pydicom.sr.codedict import codes

    return AlgorithmIdentification(
        origin.model_name,
        origin.model_version,
        parameters=[
            f"weights sha256 {origin.model_digest}",
            "SEMIAUTOMATIC: each object was prompted by a person",
            f"trained on phantoms: {'yes' if origin.phantom else 'no'}",
        ],
        family=codes.cid7162.ArtificialIntelligence,
        manufacturer=MANUFACTURER,
    )


def _numbers(finding: Finding) -> list[Measurement]:
    from highdicom.sr import Measurement
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    found = finding.measurements
    in_px = found.area_mm2 is None
    area = float(found.area_px) if found.area_mm2 is None else found.area_mm2
    numbers = [Measurement(codes.SCT.Area, area, _pixels() if in_px else codes.UCUM.SquareMillimeter)]
    if finding.confidence is not None:
        unit = Code("1", "UCUM", "no units")
        numbers.append(
            Measurement(_own("CONFIDENCE", "Confidence of outline, an expected IoU"), finding.confidence, unit)
        )
    return numbers


def _diameter(each: ReportedObject, line: Line, concept: Code) -> Measurement:
    from highdicom.sr import CoordinatesForMeasurement, Measurement, SourceImageForRegion
    from pydicom.sr.codedict import codes

    in_px = line.length_mm is None
    where = CoordinatesForMeasurement(
        "POLYLINE",
        np.array([line.from_xy, line.to_xy]),
        SourceImageForRegion(ULTRASOUND_IMAGE, each.source.sop_uid, each.frames()),
    )
    length = line.length_px if line.length_mm is None else line.length_mm
    unit = _pixels() if in_px else codes.UCUM.Millimeter
    return Measurement(concept, length, unit, referenced_coordinates=[where])


def _evaluations(finding: Finding) -> list[QualitativeEvaluation]:
    from highdicom.sr import QualitativeEvaluation

    reliance = {
        None: _own("NOT_CALIBRATED", "Not calibrated: reliance unknown"),
        True: _own("HELD_BACK", "Don't rely on this outline"),
        False: _own("PASSED", "Passed the calibration's threshold"),
    }[finding.abstain]
    if finding.corrected:
        reliance = _own("CORRECTED", "Manually corrected: no confidence applies")
    told = [QualitativeEvaluation(_own("RELIANCE", "Reliance on outline"), reliance)]
    if finding.verdict is not None:
        verdict = _own(finding.verdict.upper(), finding.verdict.capitalize())
        told.append(QualitativeEvaluation(_own("VERDICT", "User's verdict on outline"), verdict))
    return told


def _comment(each: ReportedObject, origin: Origin, *, off_px: float) -> str:
    finding, found = each.finding, each.finding.measurements
    parts = [*origin.cautions, f"{each.label}: {measured(finding)}"]
    if off_px:
        parts.append(f"the outline had too many points and is simplified, by up to {off_px:g} px")
    if found.spacing is not None:
        parts.append(f"millimetres from {found.spacing.source}")
    if found.why is not None:
        parts.append(f"{'no millimetres: ' if found.spacing is None else ''}{found.why}")
    if finding.corrected and finding.became is not None:
        parts.append(finding.became)
    if finding.prediction is not None:
        parts.append(f"prediction {finding.prediction}")
    if finding.warning is not None:
        parts.append(f"WARNING: {finding.warning}")
    return ". ".join(parts)


def _ring(mask: Mask) -> tuple[NDArray[np.float64], float]:
    """The outer outline of a mask's largest part as a closed ring of corners (N 2), and by how much it is simplified.

    It is simplified (Douglas and Peucker, 1973), the more the longer it is, only where an element couldn't hold it.
    """
    (whole,) = to_polygons(largest_part(mask))
    corners = np.array(whole, dtype=np.float32).reshape(-1, 2)
    ring = closed = np.concatenate([corners, corners[:1]])
    off_px = 0.0
    while len(ring) > MAX_REGION_POINTS + 1:
        off_px = 2 * off_px or 0.5
        ring = _simplified(closed, off_px)
    return ring.astype(np.float64), off_px


def _simplified(closed: NDArray[np.float32], off_px: float) -> NDArray[np.float32]:
    """A closed ring (N 2) with fewer points, stretch by stretch: of all at once, time could grow with their square."""
    stretches = [closed[start : start + STRETCH_POINTS + 1] for start in range(0, len(closed) - 1, STRETCH_POINTS)]
    kept = [cv2.approxPolyDP(stretch, off_px, closed=False)[:-1, 0, :] for stretch in stretches]
    return np.concatenate([*kept, closed[:1]])


def _pixels() -> Code:
    from pydicom.sr.coding import Code

    return Code("{pixels}", "UCUM", "pixels")


def _own(value: str, meaning: str) -> Code:
    """A concept of this software's own, for what no public code says."""
    from pydicom.sr.coding import Code

    return Code(value, SCHEME, meaning)
