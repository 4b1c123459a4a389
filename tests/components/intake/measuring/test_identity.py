"""Tags of image files: identity is found by the tag's name, in every place that holds tags, and its value stays."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PilImage
from PIL.PngImagePlugin import PngInfo
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage

from components.intake.measuring.identity import FileTags, read_tags
from components.preprocess import decode_image

IMAGE = PilImage.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50), dtype=np.uint8))
SECRET = "Mueller Hans"


def saved(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    IMAGE.save(file, kind, **options)
    return file.getvalue()


def exif(values: dict[int, object], *, gps: dict[int, object] | None = None) -> PilImage.Exif:
    made = PilImage.Exif()
    for tag, value in values.items():
        made[tag] = value
    if gps:
        made.get_ifd(0x8825).update(gps)
    return made


def png_text(key: str, value: str, *, how: str = "tEXt") -> bytes:
    info = PngInfo()
    if how == "iTXt":
        info.add_itxt(key, value, zip=True)
    else:
        info.add_text(key, value, zip=how == "zTXt")
    return saved("PNG", pnginfo=info)


def after_the_pixels(key: bytes, value: bytes) -> bytes:
    content = key + b"\0" + value
    chunk = len(content).to_bytes(4, "big") + b"tEXt" + content + zlib.crc32(b"tEXt" + content).to_bytes(4, "big")
    data = saved("PNG")
    return data[:-12] + chunk + data[-12:]


def iptc() -> bytes:
    record = b"\x1c\x02\x50" + len(SECRET).to_bytes(2, "big") + SECRET.encode()
    block = b"8BIM\x04\x04\x00\x00" + len(record).to_bytes(4, "big") + record + b"\0" * (len(record) % 2)
    segment = b"Photoshop 3.0\0" + block
    data = saved("JPEG")
    return data[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:]


def dicom(**values: str) -> bytes:
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 4, 5, 1
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation, dataset.PhotometricInterpretation = 7, 0, "MONOCHROME2"
    dataset.PixelData = bytes(range(20))
    for name, value in values.items():
        setattr(dataset, name, value)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


XMP = "<x:xmpmeta><dc:creator><rdf:Seq><rdf:li>Mueller Hans</rdf:li></rdf:Seq></dc:creator></x:xmpmeta>"
PLACE = {1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (saved("JPEG", exif=exif({0x013B: SECRET})), "Artist"),
        (saved("PNG", exif=exif({0x013B: SECRET})), "Artist"),
        (saved("TIFF", tiffinfo={0x013B: SECRET}), "Artist"),
        (saved("JPEG", exif=exif({0x9C9D: SECRET.encode("utf-16-le")})), "XPAuthor"),
        (saved("JPEG", exif=exif({0x010E: f"Patient name: {SECRET}"})), "ImageDescription"),
        (saved("JPEG", exif=exif({0x0112: 1}, gps=PLACE)), "GPSInfo"),
        (saved("JPEG", comment=f"patient ID = {SECRET}"), "JPEG comment"),
        (saved("JPEG", xmp=XMP.encode()), "XMP dc:creator"),
        (iptc(), "By-line"),
        (png_text("Author", SECRET), "PNG text Author"),
        (png_text("Patient's Name", SECRET), "PNG text Patient's Name"),
        (png_text("Comment", f"DOB: 27.3.1961, {SECRET}", how="zTXt"), "PNG text Comment"),
        (png_text("Author", SECRET, how="iTXt"), "PNG text Author"),
        (png_text("XML:com.adobe.xmp", XMP, how="iTXt"), "XMP dc:creator"),
        (after_the_pixels(b"Author", SECRET.encode()), "PNG text Author"),
        (dicom(PatientName=SECRET), "DICOM PatientName"),
        (dicom(PatientBirthDate="19610327"), "DICOM PatientBirthDate"),
        (b"ObjectType = Image\nNDims = 2\nPatientName = Hans\nElementDataFile = LOCAL\n", "MetaImage PatientName"),
        (b"ObjectType = Image\n0010|0010 = Mueller^Hans\nElementDataFile = LOCAL\n", "MetaImage PatientName"),
        (b"ObjectType = Image\n0008|0080 = Charite\nElementDataFile = LOCAL\n", "MetaImage InstitutionName"),
    ],
)
def test_identity_is_found_by_name_and_its_value_stays(data: bytes, name: str) -> None:
    tags = read_tags(data)
    assert tags.identity == (name,)
    assert "Hans" not in repr(tags) and "1961" not in repr(tags)


@pytest.mark.parametrize(
    "data",
    [
        saved("PNG"),
        saved("JPEG"),
        saved("BMP"),
        saved("JPEG", exif=exif({0x013B: " ", 0x0131: "Adobe", 0x010E: "ultrasound, patient position supine"})),
        saved("JPEG", comment="Created by a program: name withheld"[:20]),
        png_text("Software", "a program"),
        png_text("Author", "anonymous"),
        png_text("Comment", "left breast"),
        dicom(PatientName="ANONYMIZED", PatientID="", PatientBirthDate=""),
        b"ObjectType = Image\nNDims = 2\nElementDataFile = LOCAL\n",
    ],
)
def test_harmless_tags_are_let_be(data: bytes) -> None:
    assert read_tags(data) == FileTags()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(("stored", "told"), [(1, 1), (6, 6), (8, 8), (0, 1), (99, 1)])
def test_a_turned_image_is_told_by_its_orientation(kind: str, stored: int, told: int) -> None:
    assert read_tags(saved(kind, exif=exif({0x0112: stored}))).orientation == told


def test_a_text_that_inflates_without_end_is_read_in_part() -> None:
    info = PngInfo()
    info.add_text("Author", "x" * 20_000_000, zip=True)
    assert read_tags(saved("PNG", pnginfo=info)).identity in ((), ("PNG text Author",))


def _damaged_iptc() -> bytes:
    """A by-line whose field doesn't begin as fields do, beside EXIF and a comment."""
    segment = b"Photoshop 3.0\0" + b"8BIM\x04\x04\x00\x00" + (6).to_bytes(4, "big") + b"\x2c\x02\x50\x00\x01a"
    data = saved("JPEG", exif=exif({0x013B: SECRET, 0x0112: 6}, gps=PLACE), comment=f"patient ID = {SECRET}")
    return data[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:]


def _damaged_text() -> bytes:
    """A compressed text that can't be inflated, before one that tells a name."""
    data = after_the_pixels(b"Author", SECRET.encode())
    content = b"Comment\0\0no deflate"
    chunk = len(content).to_bytes(4, "big") + b"zTXt" + content + zlib.crc32(b"zTXt" + content).to_bytes(4, "big")
    return data[:33] + chunk + data[33:]


def _damaged_inner_exif() -> bytes:
    """An EXIF directory whose pointer to the inner one is a text, behind an entry for the artist."""
    entries = struct.pack("<HHIIHHI4s", 0x013B, 2, len(SECRET) + 1, 38, 0x8769, 2, 4, b"abc\0")
    directory = b"II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0)
    return saved("JPEG", exif=b"Exif\0\0" + directory + SECRET.encode() + b"\0")


@pytest.mark.parametrize(
    ("data", "tags"),
    [
        (_damaged_iptc(), FileTags(6, ("JPEG comment", "Artist", "GPSInfo"))),
        (_damaged_text(), FileTags(1, ("PNG text Author",))),
        (_damaged_inner_exif(), FileTags(1, ("Artist",))),
    ],
)
def test_a_damaged_tag_hides_no_other(data: bytes, tags: FileTags) -> None:
    assert read_tags(data) == tags


def _flipped(data: bytes, places: list[int], value: int) -> bytes:
    changed = bytearray(data)
    for place in places:
        changed[place % len(changed)] = value
    return bytes(changed)


HOSTS: list[Callable[[], bytes]] = [
    lambda: saved("JPEG", exif=exif({0x013B: SECRET}, gps=PLACE), comment="DOB: 1", xmp=XMP.encode()),
    lambda: png_text("Author", SECRET, how="iTXt"),
    lambda: saved("TIFF", tiffinfo={0x013B: SECRET}),
    lambda: dicom(PatientName=SECRET),
    iptc,
]


@given(
    host=st.sampled_from(HOSTS),
    places=st.lists(st.integers(0, 2000), max_size=8),
    value=st.integers(0, 255),
    cut=st.integers(0, 3000),
)
def test_damaged_tags_raise_nothing(host: Callable[[], bytes], places: list[int], value: int, cut: int) -> None:
    data = _flipped(host(), places, value)[: cut or None]
    assert isinstance(read_tags(data), FileTags)


def test_the_tagged_files_are_images() -> None:
    for host in HOSTS:
        assert decode_image(host(), name="host").size
