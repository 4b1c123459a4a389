"""An image file's bytes, to what they say beside the pixels: names of identity tags, and a turned orientation.

Tags are read from EXIF, XMP, IPTC, PNG text, DICOM and MetaImage; only their names leave this module, never their
values. Free text counts only where it labels an entry as a person's. Leaves out: names of files
(telling_names.py), and text that stands in the pixels (burnt_in.py).
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from PIL import Image as PilImage
from PIL import ImageFile, IptcImagePlugin

MAX_TEXT_BYTES = 2**16
_GPS_IFD, _EXIF_IFD, _ORIENTATION = 0x8825, 0x8769, 0x0112
# EXIF 2.32, and Windows' own tags.
_EXIF_PERSON = {0x013B: "Artist", 0x9C9D: "XPAuthor", 0xA430: "CameraOwnerName"}
_EXIF_TEXT = {
    0x010E: "ImageDescription",
    0x9286: "UserComment",
    0x9C9B: "XPTitle",
    0x9C9C: "XPComment",
    0x9C9E: "XPKeywords",
    0x9C9F: "XPSubject",
}
_GPS_PLACE = (2, 4)  # latitude, longitude
_IPTC_PERSON = {(2, 80): "By-line", (2, 122): "Writer"}
_PERSON_KEYS = (
    "artist author birthdate creator dateofbirth dob mrn name operator owner patient patientbirthdate patientid "
    "patientname patientsname physician referringphysician"
)
_PERSON_WORDS = frozenset(_PERSON_KEYS.split())
_XMP_PERSON = re.compile(
    rb"\b(dc:creator|exif:GPSL\w+|photoshop:CaptionWriter|aux:OwnerName|dicom:(?:Patient|Physician)\w*)", re.IGNORECASE
)
# DICOM PS3.15, table E.1-1: what names or locates a person; dates of studies and devices' numbers are left out.
_DICOM_PERSON = (
    "PatientName PatientID PatientBirthDate PatientBirthTime PatientBirthName PatientMotherBirthName "
    "OtherPatientIDs OtherPatientNames PatientAddress PatientTelephoneNumbers PatientComments ResponsiblePerson "
    "MilitaryRank AccessionNumber ReferringPhysicianName ReferringPhysicianAddress PerformingPhysicianName "
    "PhysiciansOfRecord NameOfPhysiciansReadingStudy RequestingPhysician OperatorsName InstitutionName "
    "InstitutionAddress"
)
_HEADER_WORDS = _PERSON_WORDS | frozenset(_DICOM_PERSON.lower().split())
_ITK_TAG = re.compile(r"[0-9A-Fa-f]{4}\|[0-9A-Fa-f]{4}")
# In free text only a labelled entry counts, as `Patient name: …`.
_LABELLED = re.compile(r"\b(patient|name|dob|d\.o\.b\.?|born|birth\s?date|date of birth|mrn)\b[\s\w]{0,12}[:=]", re.I)
_Source = Callable[[], Iterator[str]]
_NOBODY = re.compile(r"\W*(anon\w*|de-?id\w*|removed|none|unknown|no\s?name|x+|0+)?\W*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FileTags:
    """What a file says beside its pixels: EXIF orientation (1: as it lies) and the names of identity tags."""

    orientation: int = 1
    identity: tuple[str, ...] = ()


def read_tags(data: bytes) -> FileTags:
    """Read the tags of an image file that can be decoded.

    Damaged tags are passed over, as viewers do, each by itself: what the others say is kept.
    """
    if data[128:132] == b"DICM":
        return FileTags(identity=_names(lambda: _dicom_tags(data)))
    if b"ElementDataFile" in data[:MAX_TEXT_BYTES]:
        return FileTags(identity=_names(lambda: _metaimage_tags(data)))
    exif = PilImage.Exif()
    # Pillow decodes the whole image before it shows a PNG's text.
    sources: list[_Source] = [lambda: _png_tags(data, exif)]
    try:
        with PilImage.open(io.BytesIO(data), formats=("PNG", "JPEG", "TIFF", "BMP")) as file:
            if file.format != "PNG":
                sources = _jpeg_sources(file) if file.format in ("JPEG", "TIFF") else []
                exif = _exif_of(file)
            found = _names(*sources)
    except Exception:  # noqa: BLE001 - Pillow's readers raise many kinds on damaged files
        return FileTags()
    return FileTags(_orientation(exif), tuple(dict.fromkeys((*found, *_names(*_exif_sources(exif))))))


def _each(*sources: _Source) -> Iterator[str]:
    """What the sources say; one that is damaged ends where it is, and no other goes with it."""
    for source in sources:
        try:
            yield from source()
        except Exception:  # noqa: BLE001 - Pillow's and pydicom's readers raise many kinds on damaged tags
            continue


def _names(*sources: _Source) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_each(*sources)))


def _exif_of(file: PilImage.Image) -> PilImage.Exif:
    try:
        return file.getexif()
    except Exception:  # noqa: BLE001 - see above
        return PilImage.Exif()


def _orientation(exif: PilImage.Exif) -> int:
    value = _value(exif, _ORIENTATION)
    return value if isinstance(value, int) and 1 < value <= 8 else 1


def _value(exif: PilImage.Exif, tag: int) -> Any:
    """An entry's value, of EXIF's inner or outer directory; None where there is none, or it is damaged."""
    for directory in (lambda: exif.get_ifd(_EXIF_IFD), lambda: exif):
        try:
            value = directory().get(tag)
        except Exception:  # noqa: BLE001 - see above
            continue
        if value is not None:
            return value
    return None


def _exif_sources(exif: PilImage.Exif) -> list[_Source]:
    def persons() -> Iterator[str]:
        yield from (n for tag, n in _EXIF_PERSON.items() if not _NOBODY.fullmatch(_text(_value(exif, tag))))

    def texts() -> Iterator[str]:
        yield from (name for tag, name in _EXIF_TEXT.items() if _LABELLED.search(_text(_value(exif, tag))))

    def place() -> Iterator[str]:
        if any(exif.get_ifd(_GPS_IFD).get(tag) for tag in _GPS_PLACE):
            yield "GPSInfo"

    return [persons, texts, place]


def _text(value: Any) -> str:
    """A tag's value as text; Windows' tags are UTF-16."""
    if not isinstance(value, bytes):
        return "" if value is None else str(value)
    return value[:MAX_TEXT_BYTES].replace(b"\0", b"").decode("utf-8", errors="replace")


def _jpeg_sources(file: PilImage.Image) -> list[_Source]:
    def comment() -> Iterator[str]:
        if _LABELLED.search(_text(file.info.get("comment"))):
            yield "JPEG comment"

    def iptc() -> Iterator[str]:
        if isinstance(file, ImageFile.ImageFile) and file.format == "JPEG":
            said = IptcImagePlugin.getiptcinfo(file) or {}
            yield from (name for tag, name in _IPTC_PERSON.items() if said.get(tag))

    return [comment, lambda: _xmp_tags(_bytes(file.info.get("xmp"))), iptc]


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value or "").encode()


def _xmp_tags(packet: bytes) -> Iterator[str]:
    yield from (f"XMP {match.decode()}" for match in _XMP_PERSON.findall(packet))


def _png_tags(data: bytes, exif: PilImage.Exif) -> Iterator[str]:
    """Names of telling text chunks, also after the pixels; `exif` takes an eXIf chunk's tags."""
    yield from _each(*(partial(_png_chunk_tags, kind, content, exif) for kind, content in _png_chunks(data)))


def _png_chunk_tags(kind: bytes, content: bytes, exif: PilImage.Exif) -> Iterator[str]:
    if kind == b"eXIf":
        exif.load(b"Exif\0\0" + content)
    elif kind in (b"tEXt", b"zTXt", b"iTXt"):
        key, _, rest = content.partition(b"\0")
        keyword = key.decode("latin-1")
        text = _png_text(kind, rest)
        if keyword.lower().endswith(("xmp", "type xmp")):
            yield from _xmp_tags(text)
        elif re.sub("[^a-z]", "", keyword.lower()) in _PERSON_WORDS:
            if not _NOBODY.fullmatch(_text(text)):
                yield f"PNG text {keyword}"
        elif _LABELLED.search(_text(text)):
            yield f"PNG text {keyword}"


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 8
    while start + 8 <= len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        yield data[start + 4 : start + 8], data[start + 8 : start + 8 + min(length, MAX_TEXT_BYTES)]
        start += 12 + length


def _png_text(kind: bytes, rest: bytes) -> bytes:
    """The text of a chunk (PNG 3rd edition, 11.3.3), inflated as far as `MAX_TEXT_BYTES`."""
    if kind == b"tEXt":
        return rest
    packed = kind == b"zTXt" or rest[:1] == b"\1"
    if kind == b"zTXt":
        rest = rest[1:]
    else:
        rest = rest[2:].split(b"\0", 2)[-1]
    return zlib.decompressobj().decompress(rest, MAX_TEXT_BYTES) if packed else rest


def _metaimage_tags(data: bytes) -> Iterator[str]:
    """Names of telling entries of a MetaImage's header, `Key = Value` a line."""
    header = data[:MAX_TEXT_BYTES].partition(b"ElementDataFile")[0].decode("latin-1")
    for line in header.splitlines():
        key, _, value = line.partition("=")
        name = _dicom_keyword(key.strip())
        personal = re.sub("[^a-z]", "", name.lower()) in _HEADER_WORDS and not _NOBODY.fullmatch(value)
        if personal or _LABELLED.search(value):
            yield f"MetaImage {name}"


def _dicom_keyword(key: str) -> str:
    """The name of a DICOM tag that ITK carried over as `0010|0010`; any other key as it is."""
    if not _ITK_TAG.fullmatch(key):
        return key
    from pydicom.datadict import keyword_for_tag  # half a second, and few datasets hold such tags

    return keyword_for_tag(int(key.replace("|", ""), 16)) or key


def _dicom_tags(data: bytes) -> Iterator[str]:
    import pydicom  # half a second, and few datasets hold DICOM

    names = _DICOM_PERSON.split()
    dataset = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=list(names))
    yield from _each(*(partial(_dicom_tag, dataset, name) for name in names))


def _dicom_tag(dataset: Any, name: str) -> Iterator[str]:
    value = dataset.get(name)
    values = value if isinstance(value, (list, tuple)) else [value]
    if any(not _NOBODY.fullmatch(_text(one).strip()) for one in values):
        yield f"DICOM {name}"
