"""Tests of what is read of a user's DICOM file, and of what never leaves through a log."""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID

from components.errors import FrameError, ImageError
from components.findings.dicom_source import PATIENT_ID, DicomSource, new_uid, read_dicom_source
from components.findings.finding import Finding, Origin
from components.findings.measurement_report import to_report
from components.findings.segmentation import to_segmentation
from tests.components.findings.dicom_files import IMAGE, SERIES, STUDY, ULTRASOUND_FRAMES, make_source

NAME, BIRTH_DATE, SEX = 0x00100010, 0x00100030, 0x00100040


def read(data: bytes, frame: int = 0) -> DicomSource:
    return read_dicom_source(data, frame=frame, name="scan.dcm")


@pytest.mark.parametrize("implicit", [False, True])
def test_a_frame_is_known_by_its_uids_and_its_number(implicit: bool) -> None:
    found = read(make_source(frames=5, rgb=True, implicit=implicit), 3)
    assert (found.study_uid, found.series_uid, found.sop_uid) == (STUDY, SERIES, IMAGE)
    assert (found.sop_class_uid, found.frame_number, found.size_hw) == (ULTRASOUND_FRAMES, 4, (48, 64))
    assert read(make_source()).frame_number is None


@pytest.mark.parametrize(
    ("stated", "raw", "expected"),
    [
        ("ISO_IR 100", "Nobody^Ölaf".encode("latin-1"), "Nobody^Ölaf"),
        ("ISO_IR 144", "Никто^И".encode("iso8859_5"), "Никто^И"),
        ("ISO_IR 192", "無名^氏 ".encode(), "無名^氏"),
        ("GB18030", "无名^氏".encode("gb18030"), "无名^氏"),
        ("\\ISO 2022 IR 87", b"Nanashi^X=\x1b$BL>L5\x1b(B^\x1b$B;a\x1b(B", "Nanashi^X=名無^氏"),
        ("KLINGON", "Nobody^Ölaf".encode("latin-1"), "Nobody^Ölaf"),
        ("ISO_IR 192", b"Nobody^\xffx", "Nobody^\ufffdx"),
    ],
)
def test_names_are_read_in_the_character_set_that_the_file_states(stated: str, raw: bytes, expected: str) -> None:
    with warnings.catch_warnings(record=True) as told:
        assert read(with_raw(stated, "PatientName", raw)).identity[NAME] == expected
    assert not any("Nobody" in str(each.message) for each in told)


def with_raw(stated: str, keyword: str, raw: bytes) -> bytes:
    """A file whose value of a tag has these bytes, which pydicom wouldn't write."""
    raw += b" " * (len(raw) % 2)
    placeholder = b"Q" * len(raw)
    made = make_source(**{"SpecificCharacterSet": "ISO_IR 100", keyword: placeholder.decode()})
    said = stated.encode() + b" " * (len(stated) % 2)
    old = b"\x08\x00\x05\x00CS" + (10).to_bytes(2, "little") + b"ISO_IR 100"
    assert made.count(placeholder) == made.count(old) == 1
    return made.replace(placeholder, raw).replace(old, old[:6] + len(said).to_bytes(2, "little") + said)


def test_what_is_missing_or_malformed_is_empty() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = make_source(PatientName=None, PatientID=None, PatientBirthDate="unknown", PatientSex="X", StudyTime="9")
    identity = read(data).identity
    assert [identity[tag] for tag in (NAME, PATIENT_ID, BIRTH_DATE, SEX, 0x00080030)] == [""] * 5
    assert 0x00081030 not in identity


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"])
@pytest.mark.parametrize("value", [None, "1.02.3", "not a UID"])
def test_what_cannot_be_referred_to_is_refused(keyword: str, value: str | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = make_source(**{keyword: value})
    with pytest.raises(ImageError, match="UID of its") as caught:
        read(data)
    assert "scan.dcm" in caught.value.found and "overlay" in caught.value.remedy


def test_a_patient_id_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ImageError, match="patient's ID"):
        read(with_raw("ISO_IR 192", "PatientID", b"ID-\xff\xfe-7"))


def test_a_frame_beyond_the_last_and_what_is_no_dicom_are_refused() -> None:
    for frame in (-1, 3):
        with pytest.raises(FrameError, match="of 3"):
            read(make_source(frames=3), frame)
    for data in (b"", b"\x89PNG\r\n\x1a\n" + bytes(200), make_source()[:300]):
        with pytest.raises(ImageError, match="DICOM"):
            read(data)


@pytest.mark.parametrize("name", ["Secretperson", "Secretperson^X\\Y", "Secretperson" * 20])
def test_no_library_logs_or_warns_of_the_patient(
    name: str, findings: list[Finding], origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = make_source(PatientName=name, PatientID="Secretperson/1", PatientBirthDate="Secretperson")
    caplog.clear()  # what pydicom said of the file as it was made here
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        segmentation = to_segmentation(data, findings, origin)
        report = to_report(data, findings, origin, segmentation=segmentation)
    assert not any("Secretperson" in str(each.message) for each in told)
    assert "Secretperson" not in caplog.text
    assert all(b"Secretperson/1" in made for made in (segmentation, report))


def test_patient_and_study_are_repeated_and_nothing_else(findings: list[Finding], origin: Origin) -> None:
    data = make_source(StudyDescription="Thyroid", StationName="ROOM 3", InstitutionName="Somewhere")
    for made in (to_segmentation(data, findings, origin), to_report(data, findings, origin)):
        source, written = dcmread(io.BytesIO(data)), dcmread(io.BytesIO(made))
        assert written.SpecificCharacterSet == "ISO_IR 192"
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDescription", "StudyID"):
            assert written[keyword].value == source[keyword].value
        assert (written.StudyInstanceUID, written.StudyTime) == (STUDY, "101112.5")
        assert "StationName" not in written and "InstitutionName" not in written
        assert not any(element.tag.is_private for element in written)


def test_references_name_the_true_kind_of_image(findings: list[Finding], origin: Origin) -> None:
    data = make_source(frames=2)
    for made in (to_segmentation(data, findings, origin), to_report(data, findings, origin)):
        kinds = {kind for uid, kind in references(dcmread(io.BytesIO(made))) if uid == IMAGE}
        assert kinds == {ULTRASOUND_FRAMES}


def references(dataset: Dataset) -> list[tuple[str, str]]:
    """All instances that a dataset refers to, with their kinds."""
    found: list[tuple[str, str]] = []

    def look(item: Dataset, element: Any) -> None:
        if element.keyword == "ReferencedSOPInstanceUID":
            found.append((element.value, item.ReferencedSOPClassUID))

    dataset.walk(look)
    return found


def test_an_outline_is_tracked_by_its_pixels_and_uids_are_new() -> None:
    mask, other = np.zeros((4, 8), dtype=bool), np.zeros((8, 4), dtype=bool)
    first, second = (read(make_source(frames=3), frame) for frame in (0, 1))
    tracked = [first.tracking_uid(mask, 1), first.tracking_uid(mask, 2), first.tracking_uid(other, 1)]
    tracked += [second.tracking_uid(mask, 1), first.tracking_uid(~mask, 1)]
    assert len(set(tracked)) == 5
    assert first.tracking_uid(mask, 1) == read(make_source(frames=3)).tracking_uid(mask.copy(), 1)
    uids = [new_uid() for _ in range(50)]
    assert len(set(uids)) == 50
    assert all(UID(each).is_valid for each in (*uids, *tracked))
