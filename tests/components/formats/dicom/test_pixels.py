"""Frames in every coding come back as the uncompressed ones do, and those as the pixels they were made of."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from openjpeg.utils import encode_array

from components.errors import ImageError
from components.formats import open_source
from tests.components.formats import files

HEIGHT_PX, WIDTH_PX = 40, 48


def cine(frames: int = 3, *, colour: bool = False, depth: int = 8, seed: int = 1) -> NDArray[np.generic]:
    """Frames (N H W or N H W 3) of waves and noise, each another."""
    rng = np.random.default_rng(seed)
    shape = (frames, HEIGHT_PX, WIDTH_PX) + ((3,) if colour else ())
    waves = np.add.outer(np.arange(frames) * 11, np.add.outer(np.arange(HEIGHT_PX) * 3, np.arange(WIDTH_PX) * 5))
    values = (waves[..., None] if colour else waves) + rng.integers(0, 9, shape)
    return (values % 251 if depth == 8 else values * 37 % 2**depth).astype(np.uint8 if depth == 8 else np.uint16)


def all_frames(data: bytes) -> NDArray[np.uint8]:
    """Every frame of a file, N H W 3."""
    source = open_source(data, name="x")
    return np.stack([source.frame(index) for index in range(source.frames)])


def grey3(frames: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.repeat(frames[..., None], 3, axis=-1)


LOSSLESS = (files.RLE, files.JPEG_LS, files.JPEG_2000)


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("depth", [8, 12, 16])
def test_grey_frames_come_back(syntax: str, depth: int) -> None:
    frames = cine(depth=depth)
    found = all_frames(files.by_pydicom(frames, syntax, BitsStored=depth))
    np.testing.assert_array_equal(found, all_frames(files.dicom(frames, BitsStored=depth)))
    if depth == 8:
        np.testing.assert_array_equal(found, grey3(frames))


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_colour_frames_come_back(syntax: str) -> None:
    frames = cine(colour=True)
    np.testing.assert_array_equal(all_frames(files.by_pydicom(frames, syntax, "RGB")), frames)


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_signed_frames_come_back(syntax: str) -> None:
    frames = cine(depth=12).astype(np.int16) - 2048
    expected = all_frames(files.dicom(frames, BitsStored=12))
    assert expected.min() == 0 and expected.max() == 255
    np.testing.assert_array_equal(all_frames(files.by_pydicom(frames, syntax, BitsStored=12)), expected)


def test_uncompressed_colours_by_plane_and_in_big_endian_come_back() -> None:
    frames = cine(colour=True)
    by_plane = np.ascontiguousarray(frames.transpose(0, 3, 1, 2))
    made = files.dataset(frames, "RGB", PlanarConfiguration=1, PixelData=by_plane.tobytes())
    np.testing.assert_array_equal(all_frames(files.written(made)), frames)
    deep = cine(depth=16)
    made = files.dataset(deep, PixelData=deep.astype(">u2").tobytes())
    expected = all_frames(files.dicom(deep))
    np.testing.assert_array_equal(all_frames(files.written(made, files.BIG_ENDIAN)), expected)
    made = files.dataset(deep)
    np.testing.assert_array_equal(all_frames(files.written(made, files.DEFLATED)), expected)
    made = files.dataset(deep)
    np.testing.assert_array_equal(all_frames(files.written(made, files.SYNTAX)), expected)


def test_frames_of_single_bits_begin_within_bytes() -> None:
    bits = np.random.default_rng(3).integers(0, 2, (3, 5, 7), dtype=np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    made = files.dataset(bits, BitsAllocated=1, BitsStored=1, PixelData=packed + b"\0" * (len(packed) % 2))
    np.testing.assert_array_equal(all_frames(files.written(made)), grey3(bits * 255))


def test_ybr_becomes_rgb_as_pydicom_has_it() -> None:
    frames = cine(colour=True)
    data = files.dicom(frames, "YBR_FULL")
    made = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
    np.testing.assert_array_equal(all_frames(data), pydicom.pixels.pixel_array(made, raw=False))
    flat = np.full((2, HEIGHT_PX, WIDTH_PX, 3), (90, 128, 128), dtype=np.uint8)
    halved = np.tile(np.array([90, 90, 128, 128], dtype=np.uint8), 2 * HEIGHT_PX * WIDTH_PX // 2)
    made = files.dataset(flat, "YBR_FULL_422", PixelData=halved.tobytes())
    np.testing.assert_array_equal(all_frames(files.written(made)), np.full_like(flat, 90))
    np.testing.assert_array_equal(all_frames(files.by_pydicom(flat, files.RLE, "YBR_FULL")), np.full_like(flat, 90))


def test_reversible_colours_of_jpeg_2000_come_back() -> None:
    frames = cine(colour=True)
    encoded = [bytes(encode_array(frame, photometric_interpretation=1, use_mct=True)) for frame in frames]
    made = files.dataset(frames, "YBR_RCT")
    np.testing.assert_array_equal(all_frames(files.compressed(made, files.JPEG_2000, encoded)), frames)


def test_monochrome1_is_turned_round_in_every_coding() -> None:
    frames = cine()
    for syntax in LOSSLESS:
        np.testing.assert_array_equal(all_frames(files.by_pydicom(frames, syntax, "MONOCHROME1")), grey3(255 - frames))


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("syntax", [files.JPEG, files.JPEG_EXTENDED])
def test_baseline_jpeg_is_what_pillow_reads(syntax: str, colour: bool) -> None:
    frames = cine(colour=colour)
    encoded = [files.pillow_file(frame, "JPEG", quality=95, subsampling=0) for frame in frames]
    made = files.dataset(frames, "YBR_FULL_422" if colour else "MONOCHROME2")
    found = all_frames(files.compressed(made, syntax, encoded))
    expected = np.stack([open_source(one, name="x").frame(0) for one in encoded])
    # Pillow converts colours in whole numbers, pydicom in real ones.
    assert np.abs(found.astype(int) - expected).max() <= (2 if colour else 0)


@pytest.mark.parametrize("colour", [False, True])
def test_lossless_jpeg_comes_back(colour: bool) -> None:
    frames = cine(2, colour=colour)
    encoded = [files.lossless_jpeg(frame.reshape(HEIGHT_PX, WIDTH_PX, -1), 8) for frame in frames]
    made = files.dataset(frames, "RGB" if colour else "MONOCHROME2")
    found = all_frames(files.compressed(made, files.JPEG_LOSSLESS, encoded))
    np.testing.assert_array_equal(found, frames if colour else grey3(frames))


def test_lossless_jpeg_of_signed_values_comes_back() -> None:
    frames = cine(1, depth=12).astype(np.int16) - 2048
    encoded = [files.lossless_jpeg((frames[0].astype(np.uint16) & 0xFFF)[..., None], 12)]
    found = all_frames(files.compressed(files.dataset(frames, BitsStored=12), files.JPEG_LOSSLESS, encoded))
    np.testing.assert_array_equal(found, all_frames(files.dicom(frames, BitsStored=12)))


def test_jpeg_of_12_bits_is_read() -> None:
    frames = np.minimum(cine(2, depth=12), 4000)
    encoded = [files.extended_jpeg(frame) for frame in frames]
    made = files.dataset(frames, BitsStored=12)
    found = all_frames(files.compressed(made, files.JPEG_EXTENDED, encoded))
    expected = all_frames(files.dicom(frames, BitsStored=12))
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_high_throughput_jpeg_2000_goes_to_the_same_decoder() -> None:
    # Nothing here writes it; OpenJPEG tells one from the other by the codestream, so that an older one will do.
    frames = cine()
    data = files.compressed(files.dataset(frames), files.HTJ2K, [bytes(encode_array(frame)) for frame in frames])
    np.testing.assert_array_equal(all_frames(data), grey3(frames))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.107", "1.2.3.4"])
def test_other_codings_are_refused_by_name(syntax: str) -> None:
    with pytest.raises(ImageError, match="transfer syntax that isn't read here"):
        open_source(files.compressed(files.dataset(cine()), syntax, [b"ab"] * 3), name="x")
