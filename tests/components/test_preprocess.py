"""Files of every supported kind decode to the right pixels; hostile bytes become an ImageError and nothing else."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pydicom
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as PilImage
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from components.errors import ImageError, ImageTooLargeError
from components.preprocess import (
    MEAN_RGB,
    STD_RGB,
    decode_image,
    normalise,
    resize_image,
    to_input,
    to_input_xy,
    to_native,
)

RAMP = np.arange(0, 240, dtype=np.uint8).reshape(12, 20)
COLOUR = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=2)


def encoded(image: PilImage.Image, kind: str, **options: object) -> bytes:
    """An image as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def dicom(pixels: NDArray[np.generic], photometric: str = "MONOCHROME2", **changes: object) -> bytes:
    """Pixels (H W or H W 3) as an uncompressed DICOM file."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["sonoforge"])
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, 0
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = pixels.tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def png_header(width_px: int, height_px: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_lossless_files_give_their_pixels(kind: str) -> None:
    np.testing.assert_array_equal(decode_image(encoded(PilImage.fromarray(COLOUR), kind), name="x"), COLOUR)
    grey = decode_image(encoded(PilImage.fromarray(RAMP), kind), name="x")
    np.testing.assert_array_equal(grey, np.repeat(RAMP[..., None], 3, axis=2))


def test_a_jpeg_gives_nearly_its_pixels() -> None:
    flat = np.full((16, 16, 3), 90, dtype=np.uint8)
    assert np.abs(decode_image(encoded(PilImage.fromarray(flat), "JPEG"), name="x").astype(int) - 90).max() <= 2


@pytest.mark.parametrize("mode", ["P", "LA", "RGBA", "1"])
def test_palette_alpha_and_bits_become_rgb(mode: str) -> None:
    image = PilImage.fromarray(RAMP).convert(mode)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(decode_image(encoded(image, "PNG"), name="x"), expected)


def test_sixteen_bit_grey_is_scaled_by_its_own_range() -> None:
    deep = (RAMP.astype(np.uint16) * 4) + 1000
    decoded = decode_image(encoded(PilImage.fromarray(deep), "PNG"), name="x")
    np.testing.assert_array_equal(decoded[..., 0], np.rint(RAMP * (255 / 239)).astype(np.uint8))
    assert decode_image(encoded(PilImage.fromarray(np.full((4, 4), 7, np.uint16)), "PNG"), name="x").max() == 0


def test_uncompressed_dicom_gives_its_pixels() -> None:
    np.testing.assert_array_equal(decode_image(dicom(RAMP), name="x")[..., 1], RAMP)
    np.testing.assert_array_equal(decode_image(dicom(COLOUR, "RGB"), name="x"), COLOUR)


def test_monochrome1_is_turned_round() -> None:
    np.testing.assert_array_equal(decode_image(dicom(RAMP, "MONOCHROME1"), name="x")[..., 0], 255 - RAMP)


def test_sixteen_bit_dicom_is_scaled_and_its_inverse_inverted() -> None:
    deep = RAMP.astype(np.uint16) * 17
    plain = decode_image(dicom(deep), name="x")
    assert plain.min() == 0 and plain.max() == 255
    inverse = decode_image(dicom(deep, "MONOCHROME1"), name="x")
    assert np.abs(plain.astype(int) + inverse.astype(int) - 255).max() <= 1


def test_sixteen_bit_colour_dicom_keeps_its_upper_bits() -> None:
    deep = COLOUR.astype(np.uint16) * 256 + 255
    np.testing.assert_array_equal(decode_image(dicom(deep, "RGB"), name="x"), COLOUR)


def test_a_palette_dicom_is_coloured() -> None:
    table = (np.arange(256, dtype=np.uint16) << 8).tobytes()
    dark = np.zeros(256, dtype=np.uint16).tobytes()
    changes: dict[str, object] = {
        f"{colour}PaletteColorLookupTableDescriptor": [256, 0, 16] for colour in ("Red", "Green", "Blue")
    } | {
        "RedPaletteColorLookupTableData": table,
        "GreenPaletteColorLookupTableData": dark,
        "BluePaletteColorLookupTableData": dark,
    }
    decoded = decode_image(dicom(RAMP, "PALETTE COLOR", **changes), name="x")
    np.testing.assert_array_equal(decoded[..., 0], RAMP)
    assert decoded[..., 1:].max() == 0


HOSTILE = {
    "nothing": b"",
    "text": b"not an image at all",
    "zeros": bytes(4096),
    "truncated PNG": encoded(PilImage.fromarray(COLOUR), "PNG")[:-40],
    "truncated JPEG": encoded(PilImage.fromarray(COLOUR), "JPEG")[:100],
    "truncated TIFF": encoded(PilImage.fromarray(COLOUR), "TIFF")[:60],
    "PNG without pixels": png_header(64, 64),
    "PNG of no width": png_header(0, 64),
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "GIF": encoded(PilImage.fromarray(RAMP), "GIF"),
    "TIFF of two frames": encoded(
        PilImage.fromarray(RAMP), "TIFF", save_all=True, append_images=[PilImage.fromarray(RAMP)]
    ),
    "TIFF of no number": encoded(PilImage.fromarray(np.full((4, 4), np.nan, dtype=np.float32)), "TIFF"),
    "DICOM header only": bytes(128) + b"DICM",
    "DICOM and rubbish": bytes(128) + b"DICM" + bytes(range(256)) * 4,
    "truncated DICOM": dicom(RAMP)[:-100],
    "DICOM of two frames": dicom(RAMP, NumberOfFrames=2),
    "DICOM of another size": dicom(RAMP, Rows=500),
    "deflated DICOM": dicom(RAMP).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.filterwarnings("ignore")
def test_hostile_bytes_are_an_image_error(kind: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(HOSTILE[kind], name="upload")
    assert caught.value.found.startswith("upload: ")
    assert "0x" not in caught.value.found and "\n" not in caught.value.found


def tiff_of(frames: int) -> bytes:
    """A little-endian TIFF of one grey pixel that all its frames share; each frame is a directory of its own."""
    tags = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 1)]
    size = 2 + 12 * len(tags) + 4
    body = b"II*\0" + struct.pack("<I", 10) + b"\x7f\0"
    for number in range(frames):
        following = 10 + (number + 1) * size if number + 1 < frames else 0
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        body += struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return body


def test_frames_of_a_tiff_are_not_counted_one_by_one() -> None:
    assert decode_image(tiff_of(1), name="x").tolist() == [[[127, 127, 127]]]
    many = tiff_of(12_000)
    begun_s = time.process_time()
    with pytest.raises(ImageError, match="several frames"):
        decode_image(many, name="x")
    assert time.process_time() - begun_s < 0.3, "Pillow's own count takes seconds"


def test_deep_images_are_scaled_within_little_memory() -> None:
    height_px, width_px = 2000, 2000
    data = dicom(np.arange(height_px * width_px, dtype=np.uint32).astype(np.uint16).reshape(height_px, width_px))
    tracemalloc.start()
    try:
        assert decode_image(data, name="x").shape == (height_px, width_px, 3)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The file's pixels a few times over, and the result; in float64 at once it would be 70 bytes a pixel.
    assert peak_bytes / (height_px * width_px) < 16, peak_bytes


@pytest.mark.parametrize(
    "data", [png_header(50_000, 50_000), png_header(2**31 - 1, 2**31 - 1), dicom(RAMP, Rows=65535, Columns=65535)]
)
def test_a_huge_size_is_refused_from_the_header(data: bytes) -> None:
    with pytest.raises(ImageTooLargeError):
        decode_image(data, name="x")


def test_the_limit_of_pixels_is_inclusive() -> None:
    data = encoded(PilImage.fromarray(RAMP), "PNG")
    assert decode_image(data, name="x", max_px=240).shape == (12, 20, 3)
    with pytest.raises(ImageTooLargeError):
        decode_image(data, name="x", max_px=239)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "TIFF", "BMP", "DICOM"]), st.data())
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_decode_or_are_an_image_error(kind: str, data: st.DataObject) -> None:
    whole = bytearray(dicom(RAMP) if kind == "DICOM" else encoded(PilImage.fromarray(COLOUR), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode_image(bytes(whole), name="x", max_px=1_000_000)
    except ImageError:
        return
    assert image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8


@settings(max_examples=20, deadline=None)
@given(size=st.tuples(st.integers(1, 9), st.integers(1, 9)), flipped=st.booleans(), seed=st.integers(0, 99))
def test_looked_up_values_are_the_computed_ones_to_the_bit(size: tuple[int, int], flipped: bool, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    image = image[:, ::-1] if flipped else image
    computed = (image.astype(np.float32) / np.float32(255.0) - MEAN_RGB) / STD_RGB
    assert np.array_equal(normalise(image).numpy(), computed.transpose(2, 0, 1))
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    computed = (ramp.astype(np.float32) / np.float32(255.0) - MEAN_RGB) / STD_RGB
    assert np.array_equal(normalise(ramp).numpy(), computed.transpose(2, 0, 1))


def test_input_is_normalised_and_square() -> None:
    tensor = to_input(np.full((30, 50, 3), 255, dtype=np.uint8), 32)
    assert tensor.shape == (3, 32, 32) and tensor.dtype == torch.float32
    expected = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(tensor.mean(dim=(1, 2)), expected)
    assert normalise(np.zeros((2, 3, 3), dtype=np.uint8)).shape == (3, 2, 3)


@pytest.mark.parametrize("size_hw", [(16, 16), (64, 96), (100, 20)])
def test_resizing_keeps_a_flat_image_flat(size_hw: tuple[int, int]) -> None:
    assert (resize_image(np.full((*size_hw, 3), 77, dtype=np.uint8), 32) == 77).all()


@given(st.integers(1, 500), st.integers(1, 500), st.integers(32, 1024))
def test_corners_of_the_image_are_corners_of_the_input(height_px: int, width_px: int, size_px: int) -> None:
    moved = to_input_xy(np.array([[0.0, 0.0], [width_px, height_px]]), size_hw=(height_px, width_px), size_px=size_px)
    np.testing.assert_allclose(moved, [[0, 0], [size_px, size_px]])


def test_a_step_in_the_logits_comes_back_where_it_was() -> None:
    logits = torch.full((1, 8, 8), -1.0)
    logits[:, :, 4:] = 1.0
    mask = (to_native(logits, (40, 80)) > 0)[0].numpy()
    assert mask.shape == (40, 80) and mask[:, 40:].all() and not mask[:, :40].any()
