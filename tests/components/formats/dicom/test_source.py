"""DICOM files are found with and without preamble and meta information, in every encoding; lies are refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom.dataset import Dataset

from components.errors import ImageError, ImageTooLargeError
from components.formats import SourceLimits, open_source
from components.formats.dicom.source import is_dicom
from tests.components.formats import files
from tests.components.formats.hostile import _items, raw_dicom

FRAMES = np.random.default_rng(4).integers(0, 256, (3, 40, 48), dtype=np.uint8)


def frames_of(data: bytes) -> np.ndarray:
    source = open_source(data, name="x")
    return np.stack([source.frame(index)[..., 0] for index in range(source.frames)])


@pytest.mark.parametrize("syntax", [f"{files.SYNTAX}.1", files.SYNTAX, files.BIG_ENDIAN])
def test_files_without_preamble_and_without_meta_information_are_read(syntax: str) -> None:
    whole = files.written(files.dataset(FRAMES), syntax)
    np.testing.assert_array_equal(frames_of(whole), FRAMES)
    if syntax != files.BIG_ENDIAN:
        np.testing.assert_array_equal(frames_of(whole[132:]), FRAMES)
    (meta_bytes,) = struct.unpack_from("<L", whole, 140)
    np.testing.assert_array_equal(frames_of(whole[144 + meta_bytes :]), FRAMES)


def test_what_is_compressed_and_does_not_say_how_is_refused() -> None:
    whole = files.by_pydicom(FRAMES, files.RLE)
    (meta_bytes,) = struct.unpack_from("<L", whole, 140)
    with pytest.raises(ImageError, match="doesn't state how"):
        open_source(whole[144 + meta_bytes :], name="x")


def test_other_files_are_not_taken_for_headless_dicom() -> None:
    for data in (
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        b"II*\0" + bytes(200),
        b"BM" + bytes(200),
        b"text" * 50,
        bytes(300),
    ):
        assert not is_dicom(data)


def test_sequences_of_every_form_are_passed_over() -> None:
    inner, outer = Dataset(), Dataset()
    inner.CodeValue, inner.CodeMeaning = "1", "x" * 40
    outer.PurposeOfReferenceCodeSequence = [inner, inner]
    for undefined in (False, True):
        made = files.dataset(FRAMES, ReferencedImageSequence=[outer, Dataset()], SourceImageSequence=[])
        made["ReferencedImageSequence"].is_undefined_length = undefined
        outer.is_undefined_length_sequence_item = undefined
        outer["PurposeOfReferenceCodeSequence"].is_undefined_length = undefined
        for syntax in (f"{files.SYNTAX}.1", files.SYNTAX):
            np.testing.assert_array_equal(frames_of(files.written(made, syntax)), FRAMES)


@pytest.mark.parametrize("fragments", [1, 2, 3])
@pytest.mark.parametrize("table", [True, False])
def test_fragments_are_told_apart(fragments: int, table: bool) -> None:
    jpegs = [files.pillow_file(frame, "JPEG", quality=95) for frame in FRAMES]
    data = files.compressed(files.dataset(FRAMES), files.JPEG, jpegs, fragments=fragments, table=table)
    expected = [open_source(jpeg, name="x").frame(0)[..., 0] for jpeg in jpegs]
    np.testing.assert_array_equal(frames_of(data), expected)


def test_a_table_that_lies_is_not_followed() -> None:
    jpegs = [files.pillow_file(frame, "JPEG", quality=95) for frame in FRAMES]
    expected = [open_source(jpeg, name="x").frame(0)[..., 0] for jpeg in jpegs]
    lies = struct.pack("<3L", 0, 1, 2**31)
    np.testing.assert_array_equal(frames_of(raw_dicom(_items(*jpegs, table=lies), files.JPEG, frames="3")), expected)
    halves = [half for jpeg in jpegs for half in (jpeg[:200], jpeg[200:])]
    np.testing.assert_array_equal(frames_of(raw_dicom(_items(*halves, table=lies), files.JPEG, frames="3")), expected)


@pytest.mark.parametrize(
    "data",
    [
        raw_dicom(_items(b"ab", b"cd"), files.JPEG, frames="3"),
        raw_dicom(_items(), files.JPEG),
        raw_dicom(_items(b"ab")[:-12], files.JPEG),
        raw_dicom(_items(b"ab" * 40), files.RLE),
        files.dicom(FRAMES, NumberOfFrames=4),
        files.dicom(FRAMES, NumberOfFrames=-1),
        files.dicom(FRAMES, BitsAllocated=64, BitsStored=64),
        files.dicom(FRAMES, SamplesPerPixel=4),
        files.dicom(FRAMES)[:-50],
        files.dicom(np.zeros((2, 20, 20, 3), dtype=np.uint8), "YBR_FULL_422"),
    ],
)
def test_lies_are_refused_when_the_file_is_opened_or_the_frame_read(data: bytes) -> None:
    with pytest.raises(ImageError):
        open_source(data, name="x").frame(0)


def test_deflated_files_are_bounded() -> None:
    whole = files.written(files.dataset(np.zeros((50, 100, 100), dtype=np.uint8)), files.DEFLATED)
    assert len(whole) < 10_000
    assert open_source(whole, name="x").frames == 50
    with pytest.raises(ImageError, match="once inflated"):
        open_source(whole, name="x", limits=SourceLimits(inflated_bytes=100_000))


@pytest.mark.parametrize(
    ("syntax", "claimed"), [(files.JPEG_2000, ">LL"), (files.JPEG_LS, ">HH"), (files.JPEG_LOSSLESS, ">HH")]
)
def test_a_codestream_of_another_size_never_reaches_its_decoder(syntax: str, claimed: str) -> None:
    if syntax == files.JPEG_LOSSLESS:
        jpegs = [files.lossless_jpeg(frame[..., None], 8) for frame in FRAMES]
        data = files.compressed(files.dataset(FRAMES), syntax, jpegs)
    else:
        data = files.by_pydicom(FRAMES, syntax)
    said = struct.pack(claimed, *((48, 40) if claimed == ">LL" else (40, 48)))
    assert said in data
    with pytest.raises(ImageError, match=r"a compressed frame of \d+ x \d+ pixels in a file of 48 x 40"):
        open_source(data.replace(said, struct.pack(claimed, 60_000, 60_000)), name="x").frame(0)


def test_too_many_pixels_are_refused_from_the_header() -> None:
    with pytest.raises(ImageTooLargeError):
        open_source(files.dicom(FRAMES, Rows=65535, Columns=65535), name="x")
