"""Outlined objects to a DICOM Segmentation of the frame that they were outlined on (PS3.3, A.51).

One file for one frame: a source without a frame of reference, as ultrasound is, can't have several in highdicom
(ImagingDataCommons/highdicom#284), and each frame has objects of its own. Segment k is object k and frame k of the
file, empty or not, so that "nothing found" is told apart from "not asked". All were prompted by a person, hence
SEMIAUTOMATIC, edited ones too. Pixel spacing isn't written: in ultrasound it belongs to a region, not to the image.

Leaves out: measurements (measurement_report.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from components.errors import PromptError
from components.findings.dicom_source import DicomSource, new_uid, read_dicom_source
from components.findings.finding import RESEARCH_ONLY, Finding, Origin, labels, measured
from components.formats.limits import SourceLimits

if TYPE_CHECKING:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import Segmentation, SegmentDescription

MANUFACTURER = "SonoForge"
CONTENT_LABEL = "RESEARCH_ONLY"
SERIES_NUMBER = 9901
MAX_SEGMENTS = 255
DESCRIPTION_CHARS = 1024  # DICOM's short text (PS3.5, 6.2)


def to_segmentation(
    source: bytes,
    findings: Sequence[Finding],
    origin: Origin,
    *,
    frame: int = 0,
    name: str = "the image",
    limits: SourceLimits | None = None,
    uid: Callable[[], str] = new_uid,
) -> bytes:
    """Write objects as a DICOM file that refers to their source.

    Parameters
    ----------
    source
        The DICOM file that the objects were outlined on; its patient and study are repeated.
    findings
        At least one object, at most 255; each mask of the frame's size.
    origin
        Who outlined: the file's equipment and algorithm.
    frame
        The source's frame, from 0.
    name
        What errors call the source.
    limits
        How much of the source is read.
    uid
        Makes the UIDs of the new series and file.

    Raises
    ------
    ImageError
        If the source isn't DICOM or can't be referred to; FrameError, if it has no such frame.
    PromptError
        If there are no objects, too many, or masks of another size than the frame.
    """
    told = read_dicom_source(source, frame=frame, name=name, limits=limits)
    check_objects(findings, told.size_hw)
    made = _segmentation(told, findings, origin, uid=uid)
    _refer_to_frame(made, told)
    return told.finished(made)


def check_objects(findings: Sequence[Finding], size_hw: tuple[int, int]) -> None:
    """Refuse what a file of one frame can't hold.

    Raises
    ------
    PromptError
        If there are no objects, too many, or masks of another size than the frame.
    """
    if not 1 <= len(findings) <= MAX_SEGMENTS:
        raise PromptError(
            f"{len(findings)} objects", expected=f"1 to {MAX_SEGMENTS} objects in a file", remedy="use several files"
        )
    for label, finding in zip(labels(findings), findings, strict=True):
        if finding.mask.shape != size_hw:
            raise PromptError(
                f"{label!r} was outlined on {finding.mask.shape[0]} x {finding.mask.shape[1]} pixels (rows x columns)",
                expected=f"masks of the source's frame, {size_hw[0]} x {size_hw[1]}",
                remedy="give the file that the objects were outlined on",
            )


def series_and_equipment(origin: Origin, *, series_number: int, uid: Callable[[], str]) -> dict[str, Any]:
    """What each file that is made here says of its series, itself and its maker, as highdicom takes it."""
    return {
        "series_instance_uid": uid(),
        "series_number": series_number,
        "sop_instance_uid": uid(),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": origin.model_name[:64],
        "software_versions": origin.software_version[:64],
        "device_serial_number": origin.model_digest[:16],
    }


def _segmentation(
    source: DicomSource, findings: Sequence[Finding], origin: Origin, *, uid: Callable[[], str]
) -> Segmentation:
    from highdicom.seg import Segmentation

    algorithm = _algorithm(origin)
    return Segmentation(
        source_images=[source.stand_in()],
        pixel_array=np.stack([finding.mask for finding in findings], axis=-1)[None],  # 1 H W N
        segmentation_type="BINARY",
        segment_descriptions=[
            _segment(source, finding, label, number, algorithm)
            for number, (finding, label) in enumerate(zip(findings, labels(findings), strict=True), start=1)
        ],
        **series_and_equipment(origin, series_number=SERIES_NUMBER, uid=uid),
        content_label=CONTENT_LABEL,
        content_description=RESEARCH_ONLY,
        series_description=f"Outlines. {RESEARCH_ONLY}",
        omit_empty_frames=False,
    )


def _algorithm(origin: Origin) -> AlgorithmIdentificationSequence:
    from highdicom import AlgorithmIdentificationSequence
    from pydicom.sr.codedict import codes

    return AlgorithmIdentificationSequence(
        name=origin.model_name[:64],
        family=codes.cid7162.ArtificialIntelligence,
        version=origin.model_version[:64],
        parameters={"weights sha256": origin.model_digest, "trained on phantoms": "yes" if origin.phantom else "no"},
    )


def _segment(
    source: DicomSource, finding: Finding, label: str, number: int, algorithm: AlgorithmIdentificationSequence
) -> SegmentDescription:
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes

    segment = SegmentDescription(
        segment_number=number,
        segment_label=label,
        # What it is only its name says; a code would claim to know.
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.Tissue,
        algorithm_type="SEMIAUTOMATIC",
        algorithm_identification=algorithm,
        tracking_id=label,
        tracking_uid=source.tracking_uid(finding.mask, number),
    )
    segment.SegmentDescription = _described(finding)[:DESCRIPTION_CHARS]
    return segment


def _described(finding: Finding) -> str:
    """What is known of an object, in words."""
    parts = [measured(finding)]
    if finding.confidence is not None:
        parts.append(f"confidence {finding.confidence:.3f}")
    if finding.became is not None:
        parts.append(finding.became)
    if finding.prediction is not None:
        parts.append(f"prediction {finding.prediction}")
    return ". ".join(parts) + (f". WARNING: {finding.warning}" if finding.warning else "")


def _refer_to_frame(made: Segmentation, source: DicomSource) -> None:
    """Name the source's frame in each of the file's own, and say where the source was compressed with loss."""
    from pydicom.datadict import dictionary_VR
    from pydicom.dataelem import DataElement

    for group in made.PerFrameFunctionalGroupsSequence if source.frame_number is not None else ():
        for derivation in group.DerivationImageSequence:
            for image in derivation.SourceImageSequence:
                image.ReferencedFrameNumber = source.frame_number
    made.PatientOrientation = ""  # required, and unknown in ultrasound (PS3.3, C.7.6.1)
    for tag, value in source.compression.items():
        made[tag] = DataElement(tag, dictionary_VR(tag), value)
