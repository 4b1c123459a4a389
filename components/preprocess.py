"""Pixels to model input, and back: the one path that training, evaluation, command line and service share.

A file's bytes become an RGB image (`decode_image`); an image becomes the square, normalised input of SAM2
(`to_input`); prompts move with it (`to_input_xy`); logits come back to the image's own pixels (`to_native`). The
aspect ratio isn't kept, as in SAM2. Leaves out: batching and devices.

`PREPROCESS_VERSION` changes whenever any number that comes out changes; caches and released models carry it.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from components.errors import ImageError, ImageTooLargeError
from components.types import Image

if TYPE_CHECKING:
    import torch

PREPROCESS_VERSION = 1
MAX_IMAGE_PX = 40_000_000
SCALED_AT_ONCE_PX = 2**16
READABLE = "PNG, JPEG, TIFF, BMP or single-frame DICOM"
DEFLATED_SYNTAX = b"1.2.840.10008.1.2.1.99"  # DICOM PS3.5, A.5
# SAM2 normalises with ImageNet's statistics (sam2.utils.transforms).
MEAN_RGB = np.array([0.485, 0.456, 0.406], dtype=np.float32)
STD_RGB = np.array([0.229, 0.224, 0.225], dtype=np.float32)
# What each value of a pixel becomes, 3 256: looked up, the same bits ten times as fast as computed for each pixel.
_NORMALISED = ((np.arange(256, dtype=np.float32)[:, None] / np.float32(255.0) - MEAN_RGB) / STD_RGB).T.copy()


def decode_image(data: bytes, *, name: str, max_px: int = MAX_IMAGE_PX) -> Image:
    """Decode the bytes of an image file into H W 3 uint8 RGB.

    16-bit grey is scaled by its own range; palette, grey, 1-bit and alpha images are converted, alpha dropped. The
    pixels are taken as they lie in the file: an orientation that EXIF asks for isn't applied.

    Raises
    ------
    ImageError
        If the bytes aren't a readable image or hold several frames.
    ImageTooLargeError
        If it has more than `max_px` pixels; told from the header, before any pixel is decoded.
    """
    if len(data) > 132 and data[128:132] == b"DICM":
        return _decode_dicom(data, name=name, max_px=max_px)
    try:
        with PilImage.open(io.BytesIO(data), formats=("PNG", "JPEG", "TIFF", "BMP")) as image:
            _check_size(image.width, image.height, name=name, max_px=max_px)
            if image.format == "TIFF":
                _check_single(image, name=name)
            image.load()
            return _pil_to_rgb(image, name=name)
    except ImageError:
        raise
    except (PilImage.DecompressionBombWarning, PilImage.DecompressionBombError):
        raise _too_large(name, max_px) from None
    except Exception as error:  # noqa: BLE001 - Pillow's readers raise many kinds on hostile input
        raise ImageError(
            f"{name}: not a readable image ({one_line(error)})",
            expected=READABLE,
            remedy="export the image again, or convert it to PNG",
        ) from None


def one_line(error: Exception) -> str:
    """An error's text without line breaks and addresses in memory, at most 200 characters."""
    text = re.sub(r"<_io\.BytesIO object at 0x[0-9a-f]+>", "these bytes", " ".join(str(error).split()))
    return text[:200] or type(error).__name__


def _pil_to_rgb(image: PilImage.Image, *, name: str) -> Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _grey_to_rgb(np.asarray(image), name=name)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), dtype=np.uint8))


def _grey_to_rgb(grey: NDArray[np.generic], *, name: str, inverted_from: float | None = None) -> Image:
    """Scale a grey image (H W) of any depth by its own range to 8 bits, three channels (H W 3).

    `inverted_from` is the value from which all others are subtracted first, where dark and bright are swapped.
    """
    low, high = float(grey.min()), float(grey.max())
    if inverted_from is not None:
        low, high = inverted_from - high, inverted_from - low
    if not np.isfinite(high - low):
        raise ImageError(
            f"{name}: grey values that aren't finite numbers", expected="finite grey values", remedy="export as 8 bit"
        )
    rgb = np.zeros((*grey.shape, 3), dtype=np.uint8)
    if high <= low:
        return rgb
    scale = 255.0 / (high - low)
    flat, flat_rgb = grey.reshape(-1), rgb.reshape(-1, 3)
    # A part at a time: in float64 the largest image would take a gigabyte, and float32 rounds otherwise.
    for start in range(0, flat.size, SCALED_AT_ONCE_PX):
        part = flat[start : start + SCALED_AT_ONCE_PX].astype(np.float64)
        if inverted_from is not None:
            part = inverted_from - part
        flat_rgb[start : start + SCALED_AT_ONCE_PX] = np.rint((part - low) * scale)[:, None]
    return rgb


def _decode_dicom(data: bytes, *, name: str, max_px: int) -> Image:
    import pydicom
    from pydicom.pixels import apply_color_lut, pixel_array

    if DEFLATED_SYNTAX in data:
        # pydicom inflates the whole dataset before anything can be asked of it, so its size has no bound.
        raise ImageError(f"{name}: a deflated DICOM", expected=READABLE, remedy="export it as uncompressed DICOM")
    try:
        dataset = pydicom.dcmread(io.BytesIO(data))
        _check_frames(int(dataset.get("NumberOfFrames", 1) or 1), name=name)
        _check_size(int(dataset.Columns), int(dataset.Rows), name=name, max_px=max_px)
        pixels = pixel_array(io.BytesIO(data), raw=False)  # H W or H W 3, RGB where colour
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            pixels = apply_color_lut(pixels, dataset)
            bits = 8 * pixels.itemsize
        else:
            bits = int(dataset.BitsStored)
        return _dicom_to_rgb(pixels, bits=bits, inverted=dataset.PhotometricInterpretation == "MONOCHROME1", name=name)
    except ImageError:
        raise
    except Exception as error:  # noqa: BLE001 - pydicom raises many kinds on hostile input
        raise ImageError(
            f"{name}: not a readable DICOM image ({one_line(error)})",
            expected="a single-frame DICOM image, uncompressed or in a syntax that is installed",
            remedy="export the frame as PNG, or as uncompressed DICOM",
        ) from None


def _dicom_to_rgb(pixels: NDArray[np.integer[Any]], *, bits: int, inverted: bool, name: str) -> Image:
    """Bring DICOM pixels (H W or H W C) of `bits` stored bits to 8 bits and three channels."""
    if pixels.ndim == 3:
        return np.ascontiguousarray((pixels[..., :3] >> max(bits - 8, 0)).astype(np.uint8))
    if pixels.dtype == np.uint8 and bits == 8:
        grey = 255 - pixels if inverted else pixels
        return np.repeat(grey[..., None], 3, axis=2)
    return _grey_to_rgb(pixels, name=name, inverted_from=2.0**bits - 1 if inverted else None)


def _check_single(image: PilImage.Image, *, name: str) -> None:
    """Refuse a TIFF of several frames; counting them all would take time by the square of their number."""
    try:
        image.seek(1)
    except EOFError:
        return
    raise ImageError(f"{name}: several frames", expected="a single frame", remedy="send one frame")


def _check_frames(frames: int, *, name: str) -> None:
    if frames != 1:
        raise ImageError(f"{name}: {frames} frames", expected="a single frame", remedy="send one frame")


def _check_size(width_px: int, height_px: int, *, name: str, max_px: int) -> None:
    if width_px < 1 or height_px < 1:
        raise ImageError(f"{name}: {width_px} x {height_px} pixels", expected=READABLE, remedy="export it again")
    if width_px * height_px > max_px:
        raise _too_large(name, max_px)


def _too_large(name: str, max_px: int) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"{name}: too many pixels", expected=f"at most {max_px:,} pixels", remedy="crop or shrink the image"
    )


def resize_image(image: Image, size_px: int) -> Image:
    """Stretch an image (H W 3) to a square of `size_px`: area averaging where it shrinks, else bilinear."""
    shrinks = image.shape[0] > size_px and image.shape[1] > size_px
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=how), dtype=np.uint8)


def normalise(image: Image) -> torch.Tensor:
    """Turn H W 3 uint8 into 3 H W float32 by ImageNet's mean and standard deviation."""
    # The data stages decode with this module and have no use for torch, whose import takes four seconds.
    import torch

    planes = np.empty((3, *image.shape[:2]), dtype=np.float32)  # 3 H W
    for channel, plane in enumerate(planes):
        cv2.LUT(np.ascontiguousarray(image[..., channel]), _NORMALISED[channel], dst=plane)
    return torch.from_numpy(planes)


def to_input(image: Image, size_px: int) -> torch.Tensor:
    """Turn an image (H W 3 uint8) into the model's input, 3 S S float32."""
    return normalise(resize_image(image, size_px))


def to_input_xy(xy: NDArray[np.float64], *, size_hw: tuple[int, int], size_px: int) -> NDArray[np.float64]:
    """Move points (N 2, native pixels) into the frame of the model's input."""
    height_px, width_px = size_hw
    return xy * np.array([size_px / width_px, size_px / height_px])


def to_native(logits: torch.Tensor, size_hw: tuple[int, int]) -> torch.Tensor:
    """Bring logits (N h w) to the image's own size by bilinear interpolation (N H W); a mask is `> 0`."""
    import torch.nn.functional as F

    return F.interpolate(logits[:, None], size=size_hw, mode="bilinear", align_corners=False)[:, 0]
