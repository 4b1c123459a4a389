"""What a compressed frame says of itself, checked against the file around it before a decoder in C sees it.

A decoder makes room for what the codestream states; so size, samples and depth must be the file's, and what else
decides its memory (tiles, precincts and code-blocks of JPEG 2000) must be within what encoders write. Sources: ITU-T
T.81, annex B; T.87, annex C; T.800, annex A. Leaves out: decoding (pixels.py).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from components.formats.dicom.elements import BrokenDicom
from components.formats.dicom.header import Header

BASELINE, EXTENDED, PROGRESSIVE, LOSSLESS, JPEG_LS = 0xC0, 0xC1, 0xC2, 0xC3, 0xF7
_FRAME_STARTS = frozenset({*range(0xC0, 0xD0), JPEG_LS}) - {0xC4, 0xC8, 0xCC}
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_J2K_START = b"\xff\x4f\xff\x51"
_SIZ, _COD, _COC, _SOT, _SOD, _J2K_END = 0xFF51, 0xFF52, 0xFF53, 0xFF90, 0xFF93, 0xFFD9
MAX_TILES, MAX_SEGMENTS = 1024, 20_000
# Exponents of 2: 16 pixels a side of a precinct, 256 pixels in a code-block. Encoders write 128 and 4096.
LEAST_PRECINCT, LEAST_BLOCK = 4, 8


def check_jpeg(frame: bytes, header: Header, *, processes: frozenset[int]) -> int:
    """Check a JPEG or JPEG-LS codestream against the file; its depth in bits.

    Raises
    ------
    BrokenDicom
        If size, samples or depth aren't the file's, or it is coded by none of `processes` (start of frame markers).
    """
    process, depth, height_px, width_px, samples = _frame_header(frame)
    if process not in processes:
        raise BrokenDicom(f"a JPEG of process {process - BASELINE}, which isn't what its transfer syntax says")
    _check_same(header, height_px, width_px, samples, depth)
    return depth


def _frame_header(frame: bytes) -> tuple[int, int, int, int, int]:
    """Process, depth, height, width and samples by the start of frame marker."""
    at = 2
    if frame[:2] != bytes((0xFF, _SOI)):
        raise BrokenDicom("a frame that isn't a JPEG")
    for _ in range(MAX_SEGMENTS):
        if at + 4 > len(frame):
            break
        if frame[at] != 0xFF:
            break
        marker = frame[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif marker in _FRAME_STARTS and at + 10 <= len(frame):
            depth, height_px, width_px, samples = struct.unpack_from(">BHHB", frame, at + 4)
            return marker, depth, height_px, width_px, samples
        elif marker in (_SOS, _EOI):
            break
        else:
            at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    raise BrokenDicom("a JPEG that doesn't state its size")


def _check_same(header: Header, height_px: int, width_px: int, samples: int, depth: int) -> None:
    if (height_px, width_px) != (header.rows, header.columns):
        raise BrokenDicom(
            f"a compressed frame of {width_px} x {height_px} pixels in a file of {header.columns} x {header.rows}"
        )
    if samples != header.samples:
        raise BrokenDicom(f"a compressed frame of {samples} samples a pixel in a file of {header.samples}")
    if not 2 <= depth <= header.bits_allocated:
        raise BrokenDicom(f"a compressed frame of {depth} bits in a file of {header.bits_allocated}")


def check_jpeg2000(frame: bytes, header: Header) -> bytes:
    """Check a JPEG 2000 codestream against the file; returns it alone, without the boxes of a JP2 file around it.

    Raises
    ------
    BrokenDicom
        If size, samples or depth aren't the file's, or it asks for far more memory than pixels need.
    """
    start = frame.find(_J2K_START)
    if start < 0:
        raise BrokenDicom("a frame that isn't JPEG 2000")
    stream = frame[start:] if start else frame
    try:
        _check_sizes(stream, header)
        for marker, at, length in _segments(stream):
            if marker in (_COD, _COC):
                _check_coding(stream[at : at + length], component_bytes=1 if marker == _COC else 0)
    except (struct.error, IndexError):
        raise BrokenDicom("a JPEG 2000 frame that ends in its header") from None
    return stream


def _check_sizes(stream: bytes, header: Header) -> None:
    """The SIZ marker (T.800, A.5.1), which comes first."""
    x1, y1, x0, y0, tile_w, tile_h, tile_x, tile_y, samples = struct.unpack_from(">8LH", stream, 8)
    if not (x0 < x1 and y0 < y1 and tile_x <= x0 and tile_y <= y0 and tile_w > 0 and tile_h > 0):
        raise BrokenDicom("a JPEG 2000 frame whose sizes contradict each other")
    if not 1 <= samples <= 4:
        raise BrokenDicom(f"a JPEG 2000 frame of {samples} samples a pixel")
    for number in range(samples):
        depth, step_x, step_y = struct.unpack_from(">BBB", stream, 42 + 3 * number)
        if (step_x, step_y) != (1, 1):
            raise BrokenDicom("a JPEG 2000 frame whose samples have different sizes")
        _check_same(header, y1 - y0, x1 - x0, samples, (depth & 0x7F) + 1)
    tiles = -(-(x1 - tile_x) // tile_w) * -(-(y1 - tile_y) // tile_h)
    if tiles > MAX_TILES:
        raise BrokenDicom(f"a JPEG 2000 frame of {tiles:,} tiles")


def _segments(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and length of each segment of the main header and of the headers of tile-parts."""
    at, part_end = 2, 0
    for _ in range(MAX_SEGMENTS):
        if at + 4 > len(stream):
            return
        marker, length = struct.unpack_from(">HH", stream, at)
        if marker == _SOT:
            (part_bytes,) = struct.unpack_from(">L", stream, at + 6)
            part_end = at + part_bytes if part_bytes else len(stream)  # 0: up to the end (A.4.2)
            if part_end < at + 14:
                raise BrokenDicom("a JPEG 2000 frame with a part of no length")
        if marker == _SOD:
            at = part_end
        elif marker == _J2K_END:
            return
        else:
            if length < 2 or marker < 0xFF00:
                raise BrokenDicom("a JPEG 2000 frame whose header is damaged")
            yield marker, at + 4, length - 2
            at += 2 + length
    raise BrokenDicom("a JPEG 2000 frame of too many segments")


def _check_coding(segment: bytes, *, component_bytes: int) -> None:
    """The coding style of all components (A.6.1) or of one (A.6.2), whose number takes `component_bytes`."""
    style = segment[component_bytes]
    at = component_bytes + 1 if component_bytes else 5
    levels, block_w, block_h = segment[at], segment[at + 1] & 0xF, segment[at + 2] & 0xF
    if levels > 32 or block_w + block_h + 4 < LEAST_BLOCK:
        raise BrokenDicom("a JPEG 2000 frame of needlessly small code-blocks")
    if style & 1:
        precincts = segment[at + 5 : at + 6 + levels]
        # The lowest resolutions are small, and may be cut as small.
        if any((size & 0xF) < LEAST_PRECINCT or (size >> 4) < LEAST_PRECINCT for size in precincts[2:]):
            raise BrokenDicom("a JPEG 2000 frame of needlessly small precincts")
