"""Tests of DICOM Segmentations, read back by pydicom, highdicom and ITK's GDCM, and validated by dicom3tools."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pytest
import SimpleITK
from pydicom import dcmread
from pydicom.pixels import pixel_array

from components.errors import PromptError
from components.findings.finding import Finding, Origin
from components.findings.segmentation import to_segmentation
from tests.components.findings.dicom_files import IMAGE, complaints, make_source

SOURCES = {
    "single": ({}, 0),
    "frames": ({"frames": 5}, 3),
    "colour": ({"frames": 2, "rgb": True}, 1),
    "implicit": ({"rgb": True, "implicit": True}, 0),
}


@pytest.fixture(params=list(SOURCES))
def case(request: pytest.FixtureRequest, findings: list[Finding], origin: Origin) -> tuple[bytes, int | None]:
    """A Segmentation of the objects, and the number of its source's frame if there are several."""
    kind, frame = SOURCES[request.param]
    made = to_segmentation(make_source(**kind), findings, origin, frame=frame)  # type: ignore[arg-type]
    return made, frame + 1 if "frames" in kind else None


def test_three_readers_read_the_same_masks(
    case: tuple[bytes, int | None], findings: list[Finding], tmp_path: Path
) -> None:
    made, frame = case
    masks = np.stack([finding.mask for finding in findings])
    assert (pixel_array(io.BytesIO(made)).astype(bool) == masks).all()
    file = tmp_path / "made.dcm"
    file.write_bytes(made)
    assert (SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(file)).astype(bool) == masks).all()
    read = highdicom.seg.segread(file)
    by_source = (
        read.get_pixels_by_source_instance([IMAGE])
        if frame is None
        else read.get_pixels_by_source_frame(IMAGE, [frame])
    )
    assert (by_source[0].transpose(2, 0, 1).astype(bool) == masks).all()


def test_the_validator_finds_nothing_wrong(case: tuple[bytes, int | None], tmp_path: Path) -> None:
    assert complaints(case[0], tmp_path) == []


def test_each_frame_refers_to_the_frame_that_was_outlined(case: tuple[bytes, int | None]) -> None:
    made, frame = case
    groups = dcmread(io.BytesIO(made)).PerFrameFunctionalGroupsSequence
    assert len(groups) == 3
    for number, group in enumerate(groups, start=1):
        (image,) = group.DerivationImageSequence[0].SourceImageSequence
        assert (image.ReferencedSOPInstanceUID, image.get("ReferencedFrameNumber")) == (IMAGE, frame)
        assert group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number


def test_it_says_who_outlined_what_and_what_for(findings: list[Finding], origin: Origin) -> None:
    made = highdicom.seg.segread(io.BytesIO(to_segmentation(make_source(), findings, origin)))
    assert made.segmentation_type.value == "BINARY"
    assert (made.Manufacturer, made.ManufacturerModelName) == ("SonoForge", "hiera_mini")
    assert (made.SoftwareVersions, made.DeviceSerialNumber) == ("0.1.0", origin.model_digest[:16])
    assert (made.ContentLabel, made.SegmentsOverlap) == ("RESEARCH_ONLY", "YES")
    assert "Research use only" in made.ContentDescription and "Research use only" in made.SeriesDescription
    segments = [made.get_segment_description(number) for number in (1, 2, 3)]
    assert [each.segment_label for each in segments] == ["nodule one two", "Zyste 結節", "object 3"]
    for each in segments:
        assert each.algorithm_type.value == "SEMIAUTOMATIC"
        (algorithm,) = each.algorithm_identification
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("hiera_mini", "7")
        assert origin.model_digest in algorithm.AlgorithmParameters
        assert "trained on phantoms=yes" in algorithm.AlgorithmParameters
    told = [each.SegmentDescription for each in segments]
    assert told[0].endswith("confidence 0.875. accepted. prediction " + "ab" * 16)
    assert told[1].endswith("WARNING: " + str(findings[1].warning))
    assert told[2].startswith("nothing outlined. WARNING: not calibrated")


def test_what_a_person_corrected_says_so(corrected: Finding, origin: Origin) -> None:
    (segment,) = dcmread(io.BytesIO(to_segmentation(make_source(), [corrected], origin))).SegmentSequence
    assert segment.SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert "edited: manually corrected" in segment.SegmentDescription
    assert "confidence 0" not in segment.SegmentDescription and "WARNING" not in segment.SegmentDescription


def test_nothing_found_is_a_file_too(findings: list[Finding], origin: Origin, tmp_path: Path) -> None:
    made = to_segmentation(make_source(frames=2), [findings[2]], origin, frame=1)
    read = dcmread(io.BytesIO(made))
    assert (read.NumberOfFrames, read.pixel_array.any()) == (1, False)
    assert complaints(made, tmp_path) == []


def test_loss_in_the_source_is_told_on(findings: list[Finding], origin: Origin, tmp_path: Path) -> None:
    lossy: dict[str, Any] = {"LossyImageCompression": "01", "LossyImageCompressionRatio": "12.5"}
    data = make_source(**lossy, LossyImageCompressionMethod="ISO_10918_1")
    made = to_segmentation(data, findings, origin)
    read = dcmread(io.BytesIO(made))
    assert (read.LossyImageCompression, read.LossyImageCompressionRatio) == ("01", 12.5)
    assert complaints(made, tmp_path) == []
    assert dcmread(io.BytesIO(to_segmentation(make_source(), findings, origin))).LossyImageCompression == "00"


def test_each_export_is_an_object_of_its_own(findings: list[Finding], origin: Origin) -> None:
    first, second = (dcmread(io.BytesIO(to_segmentation(make_source(), findings, origin))) for _ in range(2))
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SeriesInstanceUID != second.SeriesInstanceUID
    assert [each.TrackingUID for each in first.SegmentSequence] == [each.TrackingUID for each in second.SegmentSequence]
    given = iter(["1.2.1", "1.2.2"])
    named = dcmread(io.BytesIO(to_segmentation(make_source(), findings, origin, uid=lambda: next(given))))
    assert {named.SeriesInstanceUID, named.SOPInstanceUID} == {"1.2.1", "1.2.2"}


def test_what_one_file_cannot_hold_is_refused(findings: list[Finding], origin: Origin) -> None:
    for wrong in ([], findings[:1] * 256):
        with pytest.raises(PromptError, match=f"{len(wrong)} objects"):
            to_segmentation(make_source(), wrong, origin)
    other = replace(findings[0], mask=findings[0].mask.T)
    with pytest.raises(PromptError, match="'nodule one two' was outlined on 64 x 48"):
        to_segmentation(make_source(), [other], origin)
