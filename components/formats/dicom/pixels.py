"""One frame's bytes in a DICOM file to RGB, by the decoder that this project has chosen for its transfer syntax.

| Coding | Decoder |
|---|---|
| none, big endian too; colours and sub-sampling | numpy, by pydicom |
| RLE | Pillow's PackBits, whose output has a bound |
| JPEG baseline, extended of 8 bits | Pillow |
| JPEG lossless, extended of 12 bits | numpy (lossless.py, extended.py) |
| JPEG-LS | CharLS |
| JPEG 2000, also high-throughput | OpenJPEG |

Leaves out: which bytes are a frame's (fragments.py), windows and presentation tables.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from components.formats.depth import grey_to_rgb
from components.formats.dicom.codestreams import (
    BASELINE,
    EXTENDED,
    JPEG_LS,
    LOSSLESS,
    PROGRESSIVE,
    check_jpeg,
    check_jpeg2000,
)
from components.formats.dicom.elements import BrokenDicom
from components.formats.dicom.extended import decode_extended
from components.formats.dicom.fragments import bits_of_frame
from components.formats.dicom.header import DEFLATED, EXPLICIT, Header
from components.formats.dicom.lossless import decode_lossless
from components.formats.dicom.palette import coloured
from components.formats.stills import check_scans, check_segments
from components.types import Image

Pixels = NDArray[np.integer[Any]]
RLE = "1.2.840.10008.1.2.5"
_JPEG, _JPEG_12 = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
_JPEG_LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_JPEG_2000 = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 201, 202, 203))
_LOSSY = frozenset({BASELINE, EXTENDED, PROGRESSIVE})
DECODERS: Mapping[str, str] = (
    {RLE: "", _JPEG: "pillow", _JPEG_12: "pillow"}
    | dict.fromkeys(_JPEG_LOSSLESS, "")
    | dict.fromkeys(_JPEG_LS, "pyjpegls")
    | dict.fromkeys(_JPEG_2000, "pylibjpeg")
)
"""The decoder of each compressed transfer syntax, by pydicom's name for it; "" where it is in this room."""


def decode_native(header: Header, index: int, *, name: str) -> Image:
    """One frame (H W 3) of pixel data that isn't compressed.

    Raises
    ------
    ImageError
        If grey values aren't finite; BrokenDicom or what pydicom raises, if the header contradicts itself.
    """
    if header.bits_allocated == 1:
        # pydicom 3.0 loses the end of some frames that begin within a byte.
        return _to_rgb(bits_of_frame(header, index), header, name=name)
    start, length = header.pixel_data.start, header.pixel_data.length
    buffer = memoryview(header.data)[start : start + length]
    return _to_rgb(_by_pydicom(header, buffer, index=index, frames=header.frames), header, name=name)


def decode_compressed(header: Header, frame: bytes, *, name: str) -> Image:
    """One frame (H W 3) from its compressed bytes.

    Raises
    ------
    BrokenDicom
        If the codestream doesn't fit the file; what decoders raise, if it is damaged.
    """
    if header.syntax == RLE:
        pixels = _by_pydicom(header, _unpacked(header, frame), coding=EXPLICIT, planar=1)
    elif header.syntax in (_JPEG, _JPEG_12):
        depth = check_jpeg(frame, header, processes=_LOSSY)
        check_segments(frame, name=name)
        check_scans(frame, (header.rows, header.columns), name=name)
        if depth > 8:
            pixels = _by_pydicom(header, _samples(header, frame, decode_extended), coding=EXPLICIT, planar=0)
        else:
            pixels = _by_pydicom(header, _wrapped(frame), coding=header.syntax)
    elif header.syntax in _JPEG_LOSSLESS:
        check_jpeg(frame, header, processes=frozenset({LOSSLESS}))
        pixels = _by_pydicom(header, _samples(header, frame, decode_lossless), coding=EXPLICIT, planar=0)
    else:
        if header.syntax in _JPEG_2000:
            frame = check_jpeg2000(frame, header)
        else:
            check_jpeg(frame, header, processes=frozenset({JPEG_LS}))
        pixels = _by_pydicom(header, _wrapped(frame), coding=header.syntax)
    return _to_rgb(pixels, header, name=name)


def _by_pydicom(
    header: Header,
    buffer: bytes | memoryview,
    *,
    index: int = 0,
    frames: int = 1,
    coding: str | None = None,
    planar: int | None = None,
) -> Pixels:
    """Pixel data, as a file would hold it, to one frame's pixels (H W or H W 3, colours as RGB)."""
    from pydicom.pixels import get_decoder  # half a second, and few images are DICOM
    from pydicom.uid import UID

    decoded_here = coding is not None and coding != header.syntax
    photometric = header.photometric
    if decoded_here and photometric == "YBR_FULL_422":
        photometric = "YBR_FULL"  # a decoder gives every pixel its colour
    options: dict[str, Any] = {
        "rows": header.rows,
        "columns": header.columns,
        "samples_per_pixel": header.samples,
        "bits_allocated": header.bits_allocated,
        "bits_stored": header.bits_stored,
        "pixel_representation": int(header.signed),
        "photometric_interpretation": photometric,
        "number_of_frames": frames,
        "pixel_keyword": "PixelData",
        "pixel_vr": header.pixel_data.vr.decode() or "OW",
        "allow_excess_frames": False,
    }
    if header.samples > 1:
        options["planar_configuration"] = header.planar if planar is None else planar
    syntax = EXPLICIT if (coding or header.syntax) == DEFLATED else coding or header.syntax
    plugin = DECODERS.get(syntax, "")
    pixels, _ = get_decoder(UID(syntax)).as_array(buffer, index=index, raw=False, decoding_plugin=plugin, **options)
    return pixels


def _samples(
    header: Header, frame: bytes, decode: Callable[[bytes, tuple[int, int, int]], NDArray[np.uint16]]
) -> bytes:
    """A frame's samples by a decoder of these rooms, as uncompressed pixel data of the file's depth."""
    samples = decode(frame, (header.rows, header.columns, header.samples))
    return samples.astype(f"<u{header.bits_allocated // 8}").tobytes()


def _wrapped(frame: bytes) -> bytes:
    """A compressed frame as pixel data of one fragment, behind an empty offset table."""
    padded = frame + b"\0" * (len(frame) % 2)
    return struct.pack("<HHLHHL", 0xFFFE, 0xE000, 0, 0xFFFE, 0xE000, len(padded)) + padded


def _unpacked(header: Header, frame: bytes) -> bytes:
    """An RLE frame (PS3.5, annex G) to samples one plane behind the other, lower bytes first."""
    size_px, sample_bytes = header.rows * header.columns, header.bits_allocated // 8
    if len(frame) < 64 or sample_bytes < 1:
        raise BrokenDicom("an RLE frame that ends in its header")
    segments, *offsets = struct.unpack_from("<16L", frame)
    if segments != header.samples * sample_bytes:
        raise BrokenDicom(f"an RLE frame of {segments} segments where {header.samples * sample_bytes} belong")
    ends = [*offsets[1:segments], len(frame)]
    planes = np.empty((header.samples, size_px, sample_bytes), dtype=np.uint8)  # S HW B
    for number, (start, end) in enumerate(zip(offsets, ends, strict=False)):
        if not 64 <= start <= end <= len(frame):
            raise BrokenDicom("an RLE frame whose segments lie outside it")
        # As one row, since runs may go over the ends of rows; segments come highest byte first.
        row = PilImage.frombytes("L", (size_px, 1), frame[start:end], "packbits", "L")
        sample, byte = divmod(number, sample_bytes)
        planes[sample, :, sample_bytes - 1 - byte] = np.asarray(row)[0]
    return planes.tobytes()


def _to_rgb(pixels: Pixels, header: Header, *, name: str) -> Image:
    """Bring pixels (H W or H W 3) to 8 bits and three channels."""
    bits, inverted = header.bits_stored, header.photometric == "MONOCHROME1"
    if header.photometric == "PALETTE COLOR":
        pixels = coloured(pixels, header)
        bits = 8 * pixels.itemsize
    if pixels.ndim == 3:
        return np.ascontiguousarray((pixels[..., :3] >> max(bits - 8, 0)).astype(np.uint8))
    if pixels.dtype == np.uint8 and bits == 8:
        grey = 255 - pixels if inverted else pixels
        return np.repeat(grey[..., None], 3, axis=2)
    return grey_to_rgb(pixels, name=name, inverted_from=2.0**bits - 1 if inverted else None)
