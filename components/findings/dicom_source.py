"""The bytes of a user's DICOM file to what a file made from it must repeat: whose it is, and what it refers to.

Patient and study are copied as DICOM requires of everything that belongs to a study (PS3.3, A.51.3 and A.35.3), into
the file that goes back to the user and nowhere else. Their values are decoded here and written as UTF-8; none of them
passes through a library that could warn of it in a log. What DICOM lets be empty is empty where it is missing or no
date, time or sex. Refused is what can't be referred to: without the UIDs of study, series and image, and a patient's
ID that can't be read as text, since under another one the file would be filed with another patient.

Leaves out: pixels, private elements and all that isn't named here.
"""

from __future__ import annotations

import hashlib
import io
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from components.errors import FrameError, ImageError
from components.formats.dicom.elements import BrokenDicom
from components.formats.dicom.header import Header, read_header
from components.formats.limits import SourceLimits, check_frames, check_size
from components.types import Mask

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SOP_CLASS, SOP_INSTANCE, STUDY, SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
CHARACTER_SET = 0x00080005
PATIENT_ID = 0x00100020
# Patient and study (PS3.3, C.7.1.1 and C.7.2.1): by tag the value representation.
IDENTITY: Mapping[int, str] = {
    0x00080020: "DA",  # study date
    0x00080030: "TM",  # study time
    0x00080050: "SH",  # accession number
    0x00080090: "PN",  # referring physician
    0x00081030: "LO",  # study description
    0x00100010: "PN",  # patient's name
    PATIENT_ID: "LO",
    0x00100021: "LO",  # issuer of the patient's ID
    0x00100030: "DA",  # birth date
    0x00100040: "CS",  # sex
    0x00200010: "SH",  # study ID
}
OPTIONAL = frozenset({0x00081030, 0x00100021})
LOSSY, LOSSY_RATIO, LOSSY_METHOD = 0x00282110, 0x00282112, 0x00282114
MAX_VALUE_BYTES = 1024
ULTRASOUND_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"

_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_FORMS = {
    "DA": re.compile(r"\d{8}"),
    "TM": re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?"),
    "CS": re.compile(r"[MFO]"),
}
_RATIO = re.compile(r"\d{1,8}(\.\d{1,7})?")
_METHOD = re.compile(r"[A-Z0-9_ ]{1,16}")
_STAND_ALONE = ("ISO_IR 192", "GB18030", "GBK")


@dataclass(frozen=True, slots=True)
class DicomSource:
    """A frame of a DICOM image, as other files refer to it.

    `frame_number` counts from 1, as DICOM does, and is None where the image has a single frame. `identity` and
    `compression` are values by tag.
    """

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_uid: str
    size_hw: tuple[int, int]
    frame_number: int | None
    identity: Mapping[int, str] = field(repr=False)
    compression: Mapping[int, str] = field(repr=False)

    def stand_in(self) -> Dataset:
        """A single-frame ultrasound image without a patient, for highdicom to refer to; `finish` corrects the rest.

        highdicom refuses several frames without a frame of reference, which ultrasound hasn't, and writes patients'
        names into its log.
        """
        from pydicom.dataset import Dataset

        told = Dataset()
        told.SOPClassUID, told.SOPInstanceUID = ULTRASOUND_IMAGE, self.sop_uid
        told.StudyInstanceUID, told.SeriesInstanceUID = self.study_uid, self.series_uid
        told.Rows, told.Columns = self.size_hw
        told.Modality = "US"
        told.SpecificCharacterSet = "ISO_IR 192"
        for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
            setattr(told, keyword, "")
        told.StudyDate = told.StudyTime = told.ReferringPhysicianName = ""
        return told

    def finished(self, made: Dataset) -> bytes:
        """The bytes of a file that was made from the stand-in, with patient and study, and its references right."""
        from pydicom.config import IGNORE
        from pydicom.dataelem import DataElement

        for item in _items(made):
            if item.get("ReferencedSOPInstanceUID") == self.sop_uid:
                item.ReferencedSOPClassUID = self.sop_class_uid
        for tag, value in self.identity.items():
            made[tag] = DataElement(tag, IDENTITY[tag], value, validation_mode=IGNORE)
        buffer = io.BytesIO()
        made.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()

    def tracking_uid(self, mask: Mask, number: int) -> str:
        """An identifier of an outline: the same one for the same pixels of the same frame under the same number, in
        whatever file. The number keeps two equal outlines of one file apart."""
        pixels = hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()
        told = f"{self.sop_uid} {self.frame_number} {number} {mask.shape} {pixels}"
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, told).int}"


def new_uid() -> str:
    """A UID that nothing else has, from a random UUID (PS3.5, B.2).

    Not one made from the content: two files with one UID that differ in a date or a version are two objects to an
    archive, which keeps one of them.
    """
    return f"2.25.{uuid.uuid4().int}"


def _items(dataset: Dataset) -> Iterator[Dataset]:
    """All items of all sequences of a dataset, nested ones too."""
    for element in dataset:
        for item in element.value if element.VR == "SQ" else ():
            yield item
            yield from _items(item)


def read_dicom_source(data: bytes, *, frame: int, name: str, limits: SourceLimits | None = None) -> DicomSource:
    """Read what a file made from a frame of a DICOM image must repeat.

    Parameters
    ----------
    data
        The whole DICOM file; no pixel of it is decoded.
    frame
        Which frame, from 0.
    name
        What errors call it.
    limits
        How much is read; the defaults of `SourceLimits` where None.

    Raises
    ------
    ImageError
        If it isn't DICOM, or can't be referred to; FrameError, if it has no such frame.
    """
    also = {SOP_CLASS, SOP_INSTANCE, STUDY, SERIES, CHARACTER_SET, LOSSY, LOSSY_RATIO, LOSSY_METHOD, *IDENTITY}
    accepted = limits or SourceLimits()
    try:
        header = read_header(data, name=name, limits=accepted, also=also)
        check_size(header.columns, header.rows, name=name, limits=accepted)
        check_frames(header.frames, name=name, limits=accepted)
        if not 0 <= frame < header.frames:
            raise FrameError(
                f"{name}: frame {frame} of {header.frames}",
                expected=f"a frame from 0 to {header.frames - 1}",
                remedy="name a frame that the file has",
            )
        return DicomSource(
            study_uid=_uid(header, STUDY, "study", name=name),
            series_uid=_uid(header, SERIES, "series", name=name),
            sop_class_uid=_uid(header, SOP_CLASS, "kind of image", name=name),
            sop_uid=_uid(header, SOP_INSTANCE, "image", name=name),
            size_hw=(header.rows, header.columns),
            frame_number=frame + 1 if header.frames > 1 else None,
            identity=_identity(header, name=name),
            compression=_compression(header),
        )
    except BrokenDicom as error:
        raise ImageError(
            f"{name}: not a readable DICOM image ({error})",
            expected="the DICOM file that the objects were outlined on",
            remedy="give the DICOM file, or export an overlay or COCO, which need none",
        ) from None


def _uid(header: Header, tag: int, what: str, *, name: str) -> str:
    text = header.values.text(tag)
    if len(text) <= 64 and _UID.fullmatch(text):
        return text
    raise ImageError(
        f"{name}: {'no' if not text else 'no valid'} UID of its {what}",
        expected="a DICOM file with the UIDs of study, series and image, to which others can refer",
        remedy="export it from the archive again, or export an overlay or COCO, which need none",
    )


def _identity(header: Header, *, name: str) -> dict[int, str]:
    encodings = _encodings(header.values.text(CHARACTER_SET))
    found = {tag: _text(header.values.raw(tag, MAX_VALUE_BYTES), vr, encodings) for tag, vr in IDENTITY.items()}
    if "\ufffd" in found[PATIENT_ID]:
        raise ImageError(
            f"{name}: the patient's ID can't be read in the character set that the file states",
            expected="a patient's ID in the file's own character set",
            remedy="export it from the archive again, or export an overlay or COCO, which carry no ID",
        )
    return {tag: text for tag, text in found.items() if text or tag not in OPTIONAL}


def _encodings(stated: str) -> list[str]:
    """Python's names of the character sets that a file states; unknown ones are left out."""
    from pydicom.charset import convert_encodings, python_encoding

    terms = [term.strip() for term in stated.split("\\")]
    alone = [term for term in terms if term in _STAND_ALONE]
    known = alone[:1] or [term for term in terms if term in python_encoding]
    return list(convert_encodings(known or [""]))


def _text(raw: bytes, vr: str, encodings: list[str]) -> str:
    """A value as text, without padding; empty where it doesn't have its form."""
    from pydicom.charset import decode_bytes
    from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

    if vr in _FORMS:
        text = raw.decode("ascii", "replace").strip(" \0")
        return text if _FORMS[vr].fullmatch(text) else ""
    if vr == "PN":
        return "=".join(decode_bytes(each, encodings, PN_DELIMS) for each in raw.strip(b" \0").split(b"=")[:3])
    return decode_bytes(raw, encodings, TEXT_VR_DELIMS).strip(" \0")


def _compression(header: Header) -> dict[int, str]:
    """Whether the source's pixels ever were compressed with loss, which all that is made of them has to say."""
    if header.values.text(LOSSY) != "01":
        return {}
    found = {LOSSY: "01"}
    for tag, form in ((LOSSY_RATIO, _RATIO), (LOSSY_METHOD, _METHOD)):
        text = header.values.text(tag)
        if all(form.fullmatch(part) for part in text.split("\\")):
            found[tag] = text
    return found
