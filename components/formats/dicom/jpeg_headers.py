"""The segments of a JPEG codestream that its entropy-coded data need: frame, Huffman tables, scans (ITU-T T.81, B.2).

For the codings that no safe library reads: lossless, and sequential of 12 bits. Leaves out: decoding (lossless.py,
extended.py), arithmetic coding, hierarchies.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from components.formats.dicom.elements import BrokenDicom

_DHT, _EOI, _SOS, _DQT, _DRI = 0xC4, 0xD9, 0xDA, 0xDB, 0xDD
_RESTARTS = range(0xD0, 0xD8)
_FRAMES = range(0xC0, 0xD0)
WINDOW_BITS = 16
MAX_SCANS, MAX_TABLES, MAX_SEGMENTS, MAX_PARTS = 4, 64, 4096, 2**16


@dataclass(frozen=True, slots=True)
class Huffman:
    """A Huffman table, by the 16 bits that begin with a code: how long that code is (0: none begins so), its symbol."""

    length: NDArray[np.uint8]
    symbol: NDArray[np.uint8]

    @classmethod
    def of(cls, counts: bytes, symbols: bytes) -> Huffman:
        """From how many codes of each length there are, and their symbols in order (T.81, annex C)."""
        length = np.zeros(1 << WINDOW_BITS, dtype=np.uint8)
        symbol = np.zeros(1 << WINDOW_BITS, dtype=np.uint8)
        at = number = 0
        for bits, count in enumerate(counts, start=1):
            for _ in range(count):
                width = 1 << (WINDOW_BITS - bits)
                if at + width > length.size:
                    raise BrokenDicom("a JPEG whose Huffman table has too many codes")
                length[at : at + width], symbol[at : at + width] = bits, symbols[number]
                at, number = at + width, number + 1
        return cls(length, symbol)


@dataclass(frozen=True, slots=True)
class Component:
    """One component: its identifier, sampling factors, and number of quantisation table."""

    identifier: int
    across: int
    down: int
    quantisation: int


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan: which components, their tables (DC, AC; AC is None where lossless), parameters, entropy-coded parts.

    `parts` are the data between restart markers, without stuffed zeros. `interval` is how many units (MCUs) each part
    but the last has; 0 where there is one part.
    """

    components: tuple[int, ...]
    dc: tuple[Huffman, ...] = field(repr=False)
    ac: tuple[Huffman | None, ...] = field(repr=False)
    start: int
    low_bit: int
    interval: int
    parts: tuple[NDArray[np.uint8], ...] = field(repr=False)


@dataclass(slots=True)
class Headers:
    """What a codestream states."""

    process: int = -1
    depth: int = 0
    height_px: int = 0
    width_px: int = 0
    components: list[Component] = field(default_factory=list)
    quantisation: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    tables: dict[tuple[int, int], Huffman] = field(default_factory=dict)
    defined: int = 0
    interval: int = 0
    scans: list[Scan] = field(default_factory=list)


def read_headers(stream: bytes, shape: tuple[int, int, int]) -> Headers:
    """Read a whole codestream's segments; `shape` is what it has to be: height, width, components.

    Raises
    ------
    BrokenDicom
        If it doesn't follow the standard, is of another shape, or lacks a component's data.
    """
    headers = Headers()
    at = 2
    try:
        segments = 0
        while at + 2 <= len(stream):
            segments += 1
            if segments > MAX_SEGMENTS:
                raise BrokenDicom("a JPEG of too many segments")
            if stream[at] != 0xFF:
                raise BrokenDicom("a JPEG with something between its segments")
            marker = stream[at + 1]
            if marker == 0xFF:
                at += 1
            elif marker == _EOI:
                break
            else:
                size = int.from_bytes(stream[at + 2 : at + 4], "big")
                _segment(headers, marker, stream[at + 4 : at + 2 + size])
                at += 2 + max(size, 2)
                if marker == _SOS:
                    at = _entropy_coded(headers, stream, at)
    except (IndexError, struct.error, KeyError):
        raise BrokenDicom("a JPEG whose header is damaged") from None
    if (headers.height_px, headers.width_px, len(headers.components)) != shape:
        raise BrokenDicom("a JPEG of another size than its file")
    coded = [component for scan in headers.scans for component in scan.components]
    if sorted(coded) != list(range(shape[2])):
        raise BrokenDicom("a JPEG whose scans aren't one for each component")
    return headers


def _segment(headers: Headers, marker: int, body: bytes) -> None:
    if marker == _DHT:
        _huffman_tables(headers, body)
    elif marker == _DQT:
        _quantisation_tables(headers, body)
    elif marker == _DRI:
        (headers.interval,) = struct.unpack(">H", body)
    elif marker == _SOS:
        _scan(headers, body)
    elif marker in _FRAMES:
        if headers.components:
            raise BrokenDicom("a JPEG of several frames")
        headers.process = marker
        headers.depth, headers.height_px, headers.width_px, number = struct.unpack_from(">BHHB", body)
        for start in range(6, 6 + 3 * number, 3):
            identifier, sampling, quantisation = body[start : start + 3]
            headers.components.append(Component(identifier, sampling >> 4, sampling & 0xF, quantisation))


def _huffman_tables(headers: Headers, body: bytes) -> None:
    while body:
        kind, counts = body[0], body[1:17]
        number = sum(counts)
        headers.defined += 1
        if headers.defined > MAX_TABLES:
            raise BrokenDicom("a JPEG of too many Huffman tables")
        symbols = body[17 : 17 + number]
        if len(counts) != 16 or len(symbols) != number or number > 256:
            raise BrokenDicom("a JPEG whose Huffman table is cut off")
        headers.tables[kind >> 4, kind & 0xF] = Huffman.of(counts, symbols)
        body = body[17 + number :]


def _quantisation_tables(headers: Headers, body: bytes) -> None:
    while body:
        wide, number = body[0] >> 4, body[0] & 0xF
        form = ">64H" if wide else ">64B"
        headers.quantisation[number] = np.array(struct.unpack_from(form, body, 1), dtype=np.int64)
        body = body[1 + struct.calcsize(form) :]


def _scan(headers: Headers, body: bytes) -> None:
    number = body[0]
    start, _, approximation = body[1 + 2 * number : 4 + 2 * number]
    places = [component.identifier for component in headers.components]
    chosen, dc, ac = [], [], []
    for at in range(1, 1 + 2 * number, 2):
        if body[at] not in places:
            raise BrokenDicom("a JPEG whose scan names no component of it")
        chosen.append(places.index(body[at]))
        dc.append(headers.tables[0, body[at + 1] >> 4])
        ac.append(headers.tables.get((1, body[at + 1] & 0xF)))
    if not chosen or len(set(chosen)) != len(chosen) or len(headers.scans) == MAX_SCANS:
        raise BrokenDicom("a JPEG whose scans contradict each other")
    scan = Scan(tuple(chosen), tuple(dc), tuple(ac), start, approximation & 0xF, headers.interval, ())
    headers.scans.append(scan)


def _entropy_coded(headers: Headers, stream: bytes, at: int) -> int:
    """Cut the data of the last scan into its parts; where the next segment begins."""
    data = np.frombuffer(stream, dtype=np.uint8)[at:]
    marks = np.flatnonzero(data[:-1] == 0xFF)
    following = data[marks + 1]
    is_restart = (following >= _RESTARTS.start) & (following < _RESTARTS.stop)
    others = marks[~is_restart & (following != 0)]
    end = int(others[0]) if len(others) else len(data)
    restarts = marks[is_restart & (marks < end)]
    if len(restarts) >= MAX_PARTS:
        raise BrokenDicom("a JPEG of too many restarts")
    bounds = [0, *(int(mark) + 2 for mark in restarts)], [*(int(mark) for mark in restarts), end]
    scan = headers.scans[-1]
    parts = tuple(_without_stuffing(data[start:stop]) for start, stop in zip(*bounds, strict=True))
    headers.scans[-1] = Scan(
        scan.components, scan.dc, scan.ac, scan.start, scan.low_bit, scan.interval if len(parts) > 1 else 0, parts
    )
    return at + end


def _without_stuffing(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without the zero that follows each byte of ones (T.81, F.1.2.3)."""
    stuffed = np.flatnonzero((data[:-1] == 0xFF) & (data[1:] == 0)) + 1
    return np.delete(data, stuffed)


def windows(part: NDArray[np.uint8], start: int, stop: int) -> NDArray[np.uint16]:
    """The 16 bits that begin at each bit of bytes `start` to `stop`; ones follow the end of the part."""
    there = part[start : stop + 2].astype(np.uint32)
    padded = np.concatenate([there, np.full(stop - start + 2 - len(there), 0xFF, dtype=np.uint32)])
    three = padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:]  # N
    shifts = np.arange(8, 0, -1, dtype=np.uint32)
    return ((three[:, None] >> shifts) & 0xFFFF).astype(np.uint16).reshape(-1)  # N 8
