"""The pixel data of a DICOM file to the bytes of one frame.

Native frames lie one behind the other. Compressed ones lie in fragments (PS3.5, A.4): which are whose is told by their
number, by the basic offset table where it holds, or by how a codestream begins; where none of these agrees with the
number of frames, the file is refused rather than a frame guessed. Leaves out: decoding.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from components.formats.dicom.elements import ITEM, SEQUENCE_END, UNDEFINED, BrokenDicom
from components.formats.dicom.header import Header

MAX_FRAGMENTS = 2**18
# How a JPEG, JPEG-LS or JPEG 2000 codestream begins, and a JPEG 2000 file.
_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0c\x6a\x50\x20\x20")


@dataclass(frozen=True, slots=True)
class Fragments:
    """The fragments of compressed pixel data: where each lies, and the first one of each frame."""

    data: bytes = field(repr=False)
    places: tuple[tuple[int, int], ...] = field(repr=False)
    firsts: tuple[int, ...] = field(repr=False)

    def frame(self, index: int) -> bytes:
        """The compressed bytes of one frame."""
        last = self.firsts[index + 1] if index + 1 < len(self.firsts) else len(self.places)
        return b"".join(self.data[start : start + size] for start, size in self.places[self.firsts[index] : last])


def find_fragments(header: Header) -> Fragments:
    """Find the fragments of each frame.

    Raises
    ------
    BrokenDicom
        If they don't follow the standard, end early, or can't be told apart by frame.
    """
    table, places = _items(header)
    if not places:
        raise BrokenDicom("its compressed pixel data is empty")
    count, frames = len(places), header.frames
    if frames == 1:
        return Fragments(header.data, places, (0,))
    if count == frames:
        return Fragments(header.data, places, tuple(range(frames)))
    firsts = _by_table(header.data, table, places, frames) or tuple(
        number
        for number, (start, size) in enumerate(places)
        if header.data[start : start + min(size, 8)].startswith(_STARTS)
    )
    if len(firsts) != frames or firsts[0] != 0:
        raise BrokenDicom(f"{count} fragments that can't be told apart into {frames} frames")
    return Fragments(header.data, places, firsts)


def _items(header: Header) -> tuple[tuple[int, int], tuple[tuple[int, int], ...]]:
    """Where the basic offset table lies, and each fragment; as start and size in bytes."""
    data, at = header.data, header.pixel_data.start
    found: list[tuple[int, int]] = []
    while True:
        if at + 8 > len(data):
            raise BrokenDicom("its compressed pixel data ends early")
        group, element, size = struct.unpack_from("<HHL", data, at)
        tag = group << 16 | element
        if tag == SEQUENCE_END:
            break
        if tag != ITEM or size == UNDEFINED or at + 8 + size > len(data):
            raise BrokenDicom("a fragment of its compressed pixel data is damaged")
        found.append((at + 8, size))
        if len(found) > MAX_FRAGMENTS:
            raise BrokenDicom(f"more than {MAX_FRAGMENTS:,} fragments")
        at += 8 + size
    if not found:
        raise BrokenDicom("its compressed pixel data is empty")
    return found[0], tuple(found[1:])


def _by_table(
    data: bytes, table: tuple[int, int], places: tuple[tuple[int, int], ...], frames: int
) -> tuple[int, ...] | None:
    """The first fragment of each frame by the basic offset table; None where the table isn't one of these fragments."""
    start, size = table
    if size != 4 * frames:
        return None
    # Offsets are counted from the first fragment's own item tag, eight bytes before what it holds.
    begins = {place - places[0][0]: number for number, (place, _) in enumerate(places)}
    firsts = [begins.get(offset, -1) for offset in struct.unpack_from(f"<{frames}L", data, start)]
    return tuple(firsts) if firsts == sorted(set(firsts)) and firsts[0] == 0 else None


def bits_of_frame(header: Header, index: int) -> NDArray[np.uint8]:
    """One native frame of single bits, H W; it may begin within a byte (PS3.5, 8.1.1)."""
    bits = frame_bits(header)
    first, at = index * bits, header.pixel_data.start
    held = memoryview(header.data)[at + first // 8 : at + (first + bits + 7) // 8]
    unpacked = np.unpackbits(np.frombuffer(held, dtype=np.uint8), bitorder="little")
    return unpacked[first % 8 : first % 8 + bits].reshape(header.rows, header.columns)


def check_native(header: Header) -> None:
    """Refuse native pixel data of fewer bytes than its frames need.

    Raises
    ------
    BrokenDicom
        If there are fewer.
    """
    needed = (header.frames * frame_bits(header) + 7) // 8
    there = header.pixel_data.length
    if there == UNDEFINED or header.pixel_data.start + there > len(header.data):
        raise BrokenDicom("its pixel data reaches over the end of the file")
    # Some writers have not thinned out the colours that they say they have.
    if header.photometric == "YBR_FULL_422" and there >= header.frames * frame_bits(header) * 3 // 16:
        raise BrokenDicom("its pixel data is that of YBR_FULL and not, as it says, of YBR_FULL_422")
    if there < needed:
        raise BrokenDicom(f"its pixel data ends early: {header.frames} frames of that size need {needed:,} bytes")


def frame_bits(header: Header) -> int:
    """How many bits a native frame takes; two pixels share their colour in YBR_FULL_422 (PS3.3, C.7.6.3.1.2)."""
    bits = header.rows * header.columns * header.samples * header.bits_allocated
    return bits // 3 * 2 if header.photometric == "YBR_FULL_422" else bits
