"""Outlined objects to a DICOM structured report of their measurements (PS3.16, TID 1500; PS3.3, A.35.3).

Each object is one to three measurement groups with one tracking identifier. The first holds the outline, as a closed
line or as a frame of a Segmentation (TID 1410), with area and confidence; the second the two diameters with the lines
that were measured (TID 1501), since TID 1410 has no room for them; a third, which names no algorithm, those that a
person set. Lengths are in millimetres (UCUM `mm`) only where
the source states them, else in `{pixels}`. The report is partial, preliminary and not verified: nobody has signed it.

The closed line is the outer outline of the object's largest part, along pixel corners, which is how DICOM counts
(PS3.3, C.18.6); holes and other parts are in the Segmentation, and an outline too ragged to be traced is only there.
Leaves out: codes for what an object is; its name is text.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from components.errors import ImageError
from components.findings.dicom_source import DicomSource, new_uid, read_dicom_source
from components.findings.finding import RESEARCH_ONLY, Finding, Origin, labels
from components.findings.measurement_groups import SCHEME, ReportedObject, groups_of
from components.findings.segmentation import MANUFACTURER, check_objects, series_and_equipment
from components.formats.limits import SourceLimits

if TYPE_CHECKING:
    from highdicom.sr import ObservationContext
    from pydicom.dataset import Dataset

SERIES_NUMBER = 9902
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"


def to_report(
    source: bytes,
    findings: Sequence[Finding],
    origin: Origin,
    *,
    frame: int = 0,
    segmentation: bytes | None = None,
    person: str | None = None,
    name: str = "the image",
    limits: SourceLimits | None = None,
    uid: Callable[[], str] = new_uid,
) -> bytes:
    """Write objects' measurements as a DICOM file that refers to their source.

    Parameters
    ----------
    source
        The DICOM file that the objects were outlined on; its patient and study are repeated.
    findings
        At least one object, at most 255; each mask of the frame's size.
    origin
        Who outlined: the report's device observer and algorithm.
    frame
        The source's frame, from 0.
    segmentation
        What `to_segmentation` made of the same objects: outlines are then references to its segments.
    person
        Who prompted, as the report's person observer; none where None.
    name
        What errors call the source.
    limits
        How much of the source is read.
    uid
        Makes the UIDs of the new series and file.

    Raises
    ------
    ImageError
        If the source isn't DICOM or can't be referred to, or the Segmentation isn't of this frame and these objects;
        FrameError, if the source has no such frame.
    PromptError
        If there are no objects, too many, or masks of another size than the frame.
    """
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
    from highdicom.sr import ComprehensiveSR, MeasurementReport
    from pydicom.sr.coding import Code

    told = read_dicom_source(source, frame=frame, name=name, limits=limits)
    check_objects(findings, told.size_hw)
    segments = None if segmentation is None else _segments(segmentation, told, len(findings))
    content = MeasurementReport(
        observation_context=_observers(origin, person),
        procedure_reported=Code("16310003", "SCT", "Ultrasonography"),
        imaging_measurements=[
            group
            for number, (finding, label) in enumerate(zip(findings, labels(findings), strict=True), start=1)
            for group in groups_of(ReportedObject(told, finding, label, number), origin, segments)
        ],
    )
    made = ComprehensiveSR(
        evidence=[told.stand_in()] + ([] if segments is None else [segments]),
        content=content,
        **series_and_equipment(origin, series_number=SERIES_NUMBER, uid=uid),
        series_description=f"Measurements. {RESEARCH_ONLY}",
        coding_schemes=[CodingSchemeIdentificationItem(SCHEME, name="SonoForge")],
    )
    return told.finished(made)


def _segments(segmentation: bytes, source: DicomSource, count: int) -> Dataset:
    """What refers to a Segmentation, after a look at whether it is of this frame and of so many objects."""
    from pydicom import dcmread
    from pydicom.dataset import Dataset

    read = dcmread(io.BytesIO(segmentation), stop_before_pixels=True)
    images = [
        image
        for group in read.get("PerFrameFunctionalGroupsSequence", ())
        for derivation in group.DerivationImageSequence
        for image in derivation.SourceImageSequence
    ]
    of = {(image.ReferencedSOPInstanceUID, image.get("ReferencedFrameNumber")) for image in images}
    if read.SOPClassUID != SEGMENTATION or of != {(source.sop_uid, source.frame_number)} or len(images) != count:
        raise ImageError(
            "the Segmentation isn't of this frame and these objects",
            expected="what was made of the same objects on the same frame",
            remedy="export the Segmentation again, or the report without it",
        )
    told = Dataset()
    told.SOPClassUID, told.SOPInstanceUID = read.SOPClassUID, read.SOPInstanceUID
    told.StudyInstanceUID, told.SeriesInstanceUID = read.StudyInstanceUID, read.SeriesInstanceUID
    return told


def _observers(origin: Origin, person: str | None) -> ObservationContext:
    from highdicom.sr import (
        DeviceObserverIdentifyingAttributes,
        ObservationContext,
        ObserverContext,
        PersonObserverIdentifyingAttributes,
    )
    from pydicom.sr.codedict import codes

    device = DeviceObserverIdentifyingAttributes(
        uid=f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, origin.model_digest).int}",
        name=MANUFACTURER,
        manufacturer_name=MANUFACTURER,
        model_name=origin.model_name,
        serial_number=origin.model_digest[:16],
    )
    human = None
    family = " ".join("".join(" " if each in "^=\\" else each for each in person or "").split())[:64]
    if family:
        human = ObserverContext(codes.DCM.Person, PersonObserverIdentifyingAttributes(f"{family}^"))
    return ObservationContext(
        observer_person_context=human, observer_device_context=ObserverContext(codes.DCM.Device, device)
    )
