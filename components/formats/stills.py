"""PNG, JPEG and BMP to one frame each, by Pillow.

Of an animated PNG and a JPEG of several pictures the first is taken. Leaves out: EXIF, colour profiles and text.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from PIL import Image as PilImage

from components.errors import ImageError
from components.formats.depth import grey_to_rgb
from components.formats.limits import SourceLimits, check_size, not_readable, one_line, too_large
from components.types import Image

StillKind = Literal["png", "jpeg", "bmp"]
STILL_STARTS: Mapping[bytes, StillKind] = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"BM": "bmp"}
_START_OF_SCAN = b"\xff\xda"
# A progressive JPEG goes over the whole image once a scan, and an empty scan costs ten bytes: so many scans of so many
# pixels, or fewer, take a second or two.
MANY_SCANS, SCANNED_PX = 100, 2**30
# Pillow follows these in Python, some microseconds each: chunks and segments; runs of a BMP by byte and pixel.
MAX_PARTS, MAX_RUNS = 50_000, 8_000_000
_FIRST_CHUNK_AT, _BMP_COMPRESSION_AT, _BMP_RUNS = 8, 30, (1, 2)


@dataclass(frozen=True, slots=True)
class Still:
    """An opened PNG, JPEG or BMP."""

    data: bytes = field(repr=False)
    kind: StillKind
    size_hw: tuple[int, int]
    name: str
    limits: SourceLimits

    def frame(self, index: int) -> Image:
        """The image, H W 3, which is frame 0.

        Raises
        ------
        ImageError
            If it is damaged.
        """
        assert index == 0, "a source asks for no frame that isn't there"
        with pil_errors(self.name, self.limits), _opened(self.data, self.kind) as image:
            image.load()
            return pil_to_rgb(image, name=self.name)


def open_still(data: bytes, kind: StillKind, *, name: str, limits: SourceLimits) -> Still:
    """Read the header.

    Raises
    ------
    ImageError
        If it is damaged; ImageTooLargeError, if it states too many pixels.
    """
    _check_parts(data, kind, name=name)
    with pil_errors(name, limits), _opened(data, kind) as image:
        check_size(image.width, image.height, name=name, limits=limits)
        width_px, height_px = image.size
    size_hw = (height_px, width_px)
    if kind == "jpeg":
        check_scans(data, size_hw, name=name)
    elif kind == "bmp" and data[_BMP_COMPRESSION_AT] in _BMP_RUNS and len(data) + width_px * height_px > MAX_RUNS:
        raise not_readable(name, "a large BMP of run lengths")
    return Still(data, kind, size_hw, name, limits)


def _opened(data: bytes, kind: StillKind) -> PilImage.Image:
    return PilImage.open(io.BytesIO(data), formats=(kind.upper(),))


def _check_parts(data: bytes, kind: StillKind, *, name: str) -> None:
    """Refuse a PNG of more chunks, or a JPEG of more segments and padding, than Pillow gets through in a second."""
    at = _FIRST_CHUNK_AT
    for _ in range(MAX_PARTS if kind == "png" else 0):
        if at + 8 > len(data):
            return
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    if kind == "png":
        raise not_readable(name, f"a PNG of more than {MAX_PARTS:,} chunks")
    if kind == "jpeg":
        check_segments(data, name=name)


def check_segments(data: bytes, *, name: str) -> None:
    """Refuse a JPEG of so many segments, or so much between them, that Pillow takes seconds to its first scan.

    Raises
    ------
    ImageError
        If there are more than MAX_PARTS of both together.
    """
    at = 2
    for _ in range(MAX_PARTS):
        marker = data[at : at + 2]
        if len(marker) < 2 or marker == _START_OF_SCAN:
            return
        known = marker[0] == 0xFF and marker[1] not in (0, 0xFF) and not 0xD0 <= marker[1] <= 0xD8
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big") if known else 1
    raise not_readable(name, f"a JPEG of more than {MAX_PARTS:,} segments")


def check_scans(data: bytes, size_hw: tuple[int, int], *, name: str) -> None:
    """Refuse a JPEG of so many scans over so many pixels that decoding it would take minutes.

    Raises
    ------
    ImageError
        If it has more than MANY_SCANS, which together go over more than SCANNED_PX.
    """
    scans = data.count(_START_OF_SCAN)
    if scans > MANY_SCANS and scans * size_hw[0] * size_hw[1] > SCANNED_PX:
        raise ImageError(
            f"{name}: a JPEG of {scans} scans",
            expected=f"at most {MANY_SCANS} scans in so large an image",
            remedy="store it as a JPEG that isn't progressive, or as PNG",
        )


@contextmanager
def pil_errors(name: str, limits: SourceLimits) -> Iterator[None]:
    """Turn whatever Pillow raises on damaged bytes into an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except (PilImage.DecompressionBombWarning, PilImage.DecompressionBombError):
        raise too_large(name, limits) from None
    except Exception as error:  # noqa: BLE001 - Pillow's readers raise many kinds on hostile input
        raise not_readable(name, one_line(error)) from None


def pil_to_rgb(image: PilImage.Image, *, name: str) -> Image:
    """A loaded Pillow image of any mode to H W 3."""
    if image.mode.startswith("I") or image.mode == "F":
        return grey_to_rgb(np.asarray(image), name=name)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), dtype=np.uint8))
