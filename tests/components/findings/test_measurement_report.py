"""Tests of DICOM measurement reports, read back by pydicom, highdicom and DCMTK, and validated by dicom3tools."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from highdicom.sr import ComprehensiveSR, MeasurementReport, srread
from pydicom import dcmread

from components.errors import ImageError, PromptError
from components.findings.finding import Finding, Origin
from components.findings.measurement_report import to_report
from components.findings.segmentation import to_segmentation
from tests.components.findings.dicom_files import IMAGE, ULTRASOUND_FRAMES, complaints, make_source

SOURCES: dict[str, tuple[dict[str, Any], int]] = {"single": ({}, 0), "frames": ({"frames": 5, "rgb": True}, 3)}


def opened(report: bytes) -> tuple[ComprehensiveSR, MeasurementReport]:
    read = srread(io.BytesIO(report))
    assert isinstance(read, ComprehensiveSR)
    content = read.content
    assert isinstance(content, MeasurementReport)
    return read, content


@pytest.mark.parametrize("kind", list(SOURCES))
@pytest.mark.parametrize("with_segments", [False, True])
def test_validators_find_nothing_wrong(
    kind: str, with_segments: bool, findings: list[Finding], origin: Origin, tmp_path: Path
) -> None:
    values, frame = SOURCES[kind]
    source = make_source(**values)
    segmentation = to_segmentation(source, findings, origin, frame=frame) if with_segments else None
    made = to_report(source, findings, origin, frame=frame, segmentation=segmentation, person="Dr. A^B")
    dump = shutil.which("dsrdump")
    assert complaints(made, tmp_path) == []
    if dump is None:
        pytest.skip("dsrdump of DCMTK isn't installed")
    told = subprocess.run([dump, "-Ec", str(tmp_path / "made.dcm")], capture_output=True, timeout=60, check=True)
    text = told.stdout.decode("utf-8")
    warned = [line for line in told.stderr.decode().splitlines() if "Character Set: ISO_IR 192" not in line]
    assert warned == []
    assert text.count('"Measurement Group"') == 5
    assert text.count('"Long axis")=') == text.count('"Short axis")=') == 2
    assert ("Referenced Segmentation Frame" in text) == with_segments


def test_the_report_says_who_measured_and_that_nobody_signed(findings: list[Finding], origin: Origin) -> None:
    read, content = opened(to_report(make_source(), findings, origin, person="Dr. A^B"))
    assert (read.Manufacturer, read.DeviceSerialNumber) == ("SonoForge", origin.model_digest[:16])
    assert (read.CompletionFlag, read.PreliminaryFlag, read.VerificationFlag) == (
        "PARTIAL",
        "PRELIMINARY",
        "UNVERIFIED",
    )
    assert "Research use only" in read.SeriesDescription
    person, device = content.get_observer_contexts()
    assert str(person.observer_identifying_attributes.name) == "Dr. A B^"
    assert device.observer_identifying_attributes.model_name == "hiera_mini"
    (alone,) = opened(to_report(make_source(), findings, origin))[1].get_observer_contexts()
    assert alone.observer_type.meaning == "Device"


def test_a_frame_of_several_is_named_everywhere(findings: list[Finding], origin: Origin) -> None:
    made = dcmread(io.BytesIO(to_report(make_source(frames=5), findings, origin, frame=2)))
    named = []

    def look(item: Any, element: Any) -> None:
        if element.keyword == "ReferencedSOPSequence":
            named.extend((each.ReferencedSOPInstanceUID, each.get("ReferencedFrameNumber")) for each in element.value)

    made.walk(look)
    # Only what lists the evidence names the whole image.
    assert set(named) == {(IMAGE, 3), (IMAGE, None)} and named.count((IMAGE, None)) == 1
    (evidence,) = made.CurrentRequestedProcedureEvidenceSequence
    assert evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPClassUID == ULTRASOUND_FRAMES


def test_a_segmentation_is_evidence_and_takes_the_place_of_the_outline(findings: list[Finding], origin: Origin) -> None:
    source = make_source(frames=5)
    segmentation = to_segmentation(source, findings, origin, frame=2)
    read, content = opened(to_report(source, findings, origin, frame=2, segmentation=segmentation))
    segments = dcmread(io.BytesIO(segmentation))
    series = read.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert {each.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for each in series} == {
        IMAGE,
        segments.SOPInstanceUID,
    }
    groups = content.get_planar_roi_measurement_groups()
    assert len(groups) == 3
    for number, (group, segment) in enumerate(zip(groups, segments.SegmentSequence, strict=True), start=1):
        reference = group.referenced_segmentation_frame
        assert reference is not None
        assert reference[0].referenced_sop_instance_uid == segments.SOPInstanceUID
        assert reference[0].referenced_frame_numbers == [number]
        assert group.tracking_uid == segment.TrackingUID


def test_a_segmentation_of_something_else_is_refused(findings: list[Finding], origin: Origin) -> None:
    source = make_source(frames=5)
    others = [
        to_segmentation(source, findings, origin, frame=1),
        to_segmentation(source, findings[:2], origin, frame=2),
        to_segmentation(make_source(frames=5, SOPInstanceUID="1.2.9"), findings, origin, frame=2),
        to_report(source, findings, origin, frame=2),
    ]
    for other in others:
        with pytest.raises(ImageError, match="isn't of this frame"):
            to_report(source, findings, origin, frame=2, segmentation=other)


def test_what_one_file_cannot_hold_is_refused(origin: Origin) -> None:
    with pytest.raises(PromptError, match="0 objects"):
        to_report(make_source(), [], origin)
