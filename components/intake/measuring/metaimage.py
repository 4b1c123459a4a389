"""A MetaImage file (`.mha`), to 8-bit pixels: an image as H W 3, a mask as H W (FH-PS-AOP, PSFHS).

SimpleITK decodes. It is written in C++ and trusts what a header says, so the header is read here first: its size, that
the pixels stand in the file itself and whole, and that they are as many as may be. Colour stored as depth, as those
datasets do, becomes channels. Leaves out: volumes, spacing (there it is 1, and means nothing), other ITK formats.
"""

from __future__ import annotations

import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import ImageError, ImageTooLargeError
from components.types import Image

MAX_HEADER_BYTES, MAX_VALUE_LETTERS = 16_384, 255
# Bytes of each type of number whose values can fit into 8 bits.
ELEMENT_BYTES = {"MET_UCHAR": 1, "MET_CHAR": 1, "MET_USHORT": 2, "MET_SHORT": 2, "MET_UINT": 4, "MET_INT": 4}
# Three channels of one byte: whoever stores 8-bit values in more has small images.
MAX_BYTES_A_PX = 3
_CHUNK_BYTES = 2**20
# Beside names, keys may be DICOM's tags, which ITK carries over as `0010|0010`.
_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*|[0-9A-Fa-f]{4}\|[0-9A-Fa-f]{4}) *= *([\x20-\x7e]*)")
_LAST_KEY = "ElementDataFile"


@dataclass(frozen=True, slots=True)
class _Header:
    """What the pixels are: sizes x, y (and depth), channels, type, and the bytes that they take in the file."""

    sides: tuple[int, ...]
    channels: int
    element: str
    compressed: bool
    start: int

    @property
    def values(self) -> int:
        return math.prod(self.sides) * self.channels

    @property
    def size_bytes(self) -> int:
        return self.values * ELEMENT_BYTES[self.element]


def is_metaimage(path: Path) -> bool:
    """Whether a file is named like a MetaImage that holds its own pixels."""
    return path.suffix.lower() == ".mha"


def decode_metaimage(path: Path, *, max_px: int) -> tuple[Image, str]:
    """Decode an image into H W 3 uint8 RGB, and say how it was stored.

    Raises
    ------
    ImageError
        If it isn't a whole MetaImage of one frame with 8-bit values.
    ImageTooLargeError
        If it has more than `max_px` pixels; told from the header.
    """
    pixels, mode = _decode(path, max_px)
    rgb = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
    return np.ascontiguousarray(rgb), mode


def decode_metaimage_mask(path: Path, *, max_px: int) -> tuple[NDArray[np.uint8], str]:
    """Decode a mask into its values (H W uint8), and say how it was stored; errors as in `decode_metaimage`."""
    pixels, mode = _decode(path, max_px)
    if pixels.ndim == 3:
        if not (pixels == pixels[..., :1]).all():
            raise _refused(path, "a mask in colours")
        pixels = pixels[..., 0]
    return np.ascontiguousarray(pixels), mode


def _decode(path: Path, max_px: int) -> tuple[NDArray[np.uint8], str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refused(path, error.strerror or type(error).__name__) from None
    header = _header(path, content)
    if header.sides[0] * header.sides[1] > max_px or header.size_bytes > MAX_BYTES_A_PX * max_px:
        raise ImageTooLargeError(
            f"{path.name}: too many pixels", expected=f"at most {max_px:,} pixels", remedy="crop or shrink the image"
        )
    _check_whole(path, content, header)
    values = _frame(_read(path, header), header)
    if values.size and (values.min() < 0 or values.max() > 255):
        raise _refused(path, f"values from {values.min()} to {values.max()}")
    mode = header.element if values.ndim == 2 else f"{header.element} x {values.shape[2]}"
    return values.astype(np.uint8), mode


def _header(path: Path, content: bytes) -> _Header:
    """Parse a header (lines `Key = Value` up to ElementDataFile), and refuse what isn't one 8-bit frame."""
    fields: dict[str, str] = {}
    start = 0
    while _LAST_KEY not in fields:
        end = content.find(b"\n", start, MAX_HEADER_BYTES)
        line = content[start:end].decode("latin-1").rstrip("\r") if end >= 0 else ""
        match = _LINE.fullmatch(line)
        if match is None or len(match[2]) > MAX_VALUE_LETTERS or match[1] in fields:
            raise _refused(path, "no MetaImage header")
        fields[match[1]] = match[2].strip()
        start = end + 1
    if fields[_LAST_KEY] != "LOCAL":
        raise _refused(path, "pixels in another file")
    if fields.get("ObjectType", "Image") != "Image" or fields.get("BinaryData", "True").lower() not in ("true", "1"):
        raise _refused(path, "no binary image")
    if "HeaderSize" in fields:
        raise _refused(path, "a header that says its own size")
    sides = _numbers(path, fields, "DimSize")
    channels = _numbers(path, fields, "ElementNumberOfChannels", default="1")[0]
    if _numbers(path, fields, "NDims") != (len(sides),) or len(sides) not in (2, 3) or channels not in (1, 3):
        raise _refused(path, f"sizes {fields.get('DimSize', '')} with {channels} channels")
    if fields.get("ElementType") not in ELEMENT_BYTES:
        raise _refused(path, f"the type {fields.get('ElementType')}")
    if len(sides) == 3 and (sides[2] not in (1, 3) or (sides[2] == 3 and channels == 3)):
        raise _refused(path, f"{sides[2]} frames")
    compressed = fields.get("CompressedData", "False").lower() in ("true", "1")
    return _Header(sides, channels, fields["ElementType"], compressed, start)


def _numbers(path: Path, fields: dict[str, str], key: str, *, default: str = "") -> tuple[int, ...]:
    words = fields.get(key, default).split()
    if not 0 < len(words) <= 3 or not all(re.fullmatch(r"[1-9][0-9]{0,8}", word) for word in words):
        raise _refused(path, f"{key} {fields.get(key, 'missing')!r}")
    return tuple(map(int, words))


def _check_whole(path: Path, content: bytes, header: _Header) -> None:
    """Refuse pixels that are cut off, or that unpack to another number of bytes than the sizes ask for."""
    found = len(content) - header.start
    if header.compressed:
        try:
            found = _inflated_bytes(content[header.start :], header.size_bytes)
        except zlib.error as error:
            raise _refused(path, f"damaged compressed pixels ({error})") from None
    if found != header.size_bytes:
        raise _refused(path, f"{found:,} bytes of pixels, its header says {header.size_bytes:,}")


def _inflated_bytes(data: bytes, limit: int) -> int:
    """How many bytes compressed data hold, or a number above `limit` if more; in bounded memory."""
    stream = zlib.decompressobj()
    found = 0
    while found <= limit:
        part = len(stream.decompress(data, _CHUNK_BYTES))
        data = stream.unconsumed_tail
        if part == 0:
            break
        found += part
    return found


def _read(path: Path, header: _Header) -> NDArray[Any]:
    import SimpleITK  # a third of a second, and only two datasets need it

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO("MetaImageIO")
    try:
        reader.ReadImageInformation()
        if tuple(reader.GetSize()) != header.sides or reader.GetNumberOfComponents() != header.channels:
            raise _refused(path, f"sizes {reader.GetSize()}, its header says {header.sides}")
        return np.asarray(SimpleITK.GetArrayFromImage(reader.Execute()))
    except RuntimeError as error:
        raise _refused(path, str(error).strip().splitlines()[-1]) from None


def _frame(array: NDArray[Any], header: _Header) -> NDArray[Any]:
    """The array as H W or H W 3: SimpleITK gives depth first, channels last."""
    if len(header.sides) == 3 and header.channels == 1:  # D H W, the depth being colour
        return array[0] if array.shape[0] == 1 else np.moveaxis(array, 0, -1)
    if len(header.sides) == 3:  # 1 H W C
        return array[0]
    return array


def _refused(path: Path, found: str) -> ImageError:
    return ImageError(
        f"{path.name}: not a readable MetaImage ({found})",
        expected="a whole .mha file of one frame, with values from 0 to 255 and its pixels within",
        remedy="fetch the file again, or export it as PNG",
    )
