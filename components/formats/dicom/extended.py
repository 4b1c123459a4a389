"""A sequential JPEG frame of 8 or 12 bits (ITU-T T.81, annex F) to its samples, in numpy.

Pillow reads 8 bits only; why not GDCM: see lossless.py. Leaves out: sub-sampled components, progressive and arithmetic
coding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from components.formats.dicom.elements import BrokenDicom
from components.formats.dicom.jpeg_headers import Huffman, Scan, read_headers, windows

CHUNK_BYTES = 2**16
DEPTHS, SIDE_PX, COEFFICIENTS = (8, 12), 8, 64
# No code with its bits is longer.
_LONGEST_BITS = 32
_SKIP_16, _END_OF_BLOCK = 0xF0, 0x00


def _zigzag() -> NDArray[np.int64]:
    """Where each coefficient in the order of the codestream stands in its block, row by row (T.81, figure 5)."""
    y, x = np.divmod(np.arange(COEFFICIENTS), SIDE_PX)
    along = np.where((x + y) % 2 == 0, x, y)
    return np.lexsort((along, x + y))


def _cosines() -> NDArray[np.float64]:
    """The inverse transform along one axis (T.81, A.3.3): sample by frequency."""
    sample, frequency = np.mgrid[:SIDE_PX, :SIDE_PX]
    scale = np.where(frequency == 0, np.sqrt(0.5), 1.0) / 2
    return scale * np.cos((2 * sample + 1) * frequency * np.pi / 16)


_PLACES, _TRANSFORM = _zigzag(), _cosines()


def decode_extended(frame: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    """The samples of a frame of this shape, H W S.

    Raises
    ------
    BrokenDicom
        If the codestream is damaged, of another shape, or of a kind that isn't read here.
    """
    headers = read_headers(frame, shape)
    sampling = {(component.across, component.down) for component in headers.components}
    if headers.depth not in DEPTHS or len(sampling) > 1:
        raise BrokenDicom(f"an extended JPEG of {headers.depth} bits and {len(sampling)} sizes of components")
    across, down = -(-shape[1] // SIDE_PX), -(-shape[0] // SIDE_PX)
    samples = np.zeros(shape, dtype=np.uint16)  # H W S
    for scan in headers.scans:
        coefficients = _coefficients(scan, across * down)  # C N 64
        for place, component in enumerate(scan.components):
            table = headers.quantisation.get(headers.components[component].quantisation)
            if table is None:
                raise BrokenDicom("a JPEG that lacks a quantisation table")
            for row in range(down):
                blocks = coefficients[place, row * across : (row + 1) * across] * table
                y0 = row * SIDE_PX
                strip = _strip(blocks, headers.depth)[: shape[0] - y0, : shape[1]]
                samples[y0 : y0 + SIDE_PX, :, component] = strip
    return samples


def _strip(blocks: NDArray[np.int64], depth: int) -> NDArray[np.uint16]:
    """A row of blocks of coefficients (N 64, in the codestream's order) to samples (8 8N)."""
    placed = np.empty(blocks.shape, dtype=np.float64)
    placed[:, _PLACES] = blocks
    squares = placed.reshape(-1, SIDE_PX, SIDE_PX)  # N 8 8
    turned = np.einsum("yv,nvu,xu->ynx", _TRANSFORM, squares, _TRANSFORM, optimize=True)  # 8 N 8
    level = 1 << (depth - 1)
    return np.clip(np.rint(turned) + level, 0, 2 * level - 1).astype(np.uint16).reshape(SIDE_PX, -1)


def _coefficients(scan: Scan, blocks: int) -> NDArray[np.int32]:
    """The quantised coefficients of each component's blocks (C N 64), in the codestream's order."""
    components = len(scan.components)
    found = np.zeros((blocks, components, COEFFICIENTS), dtype=np.int32)  # N C 64
    first = 0
    for part in scan.parts:
        several = min(scan.interval or blocks, blocks - first)
        if several <= 0:
            raise BrokenDicom("an extended JPEG of too many restarts")
        target = found[first : first + several]
        _Reader(scan, part, target.reshape(-1)).read(several)
        np.cumsum(target[:, :, 0], axis=0, out=target[:, :, 0])  # each DC is coded as a difference (F.1.1.5.1)
        first += several
    if first != blocks:
        raise BrokenDicom("an extended JPEG that ends early")
    return found.transpose(1, 0, 2)


@dataclass(slots=True)
class _Reader:
    """Follows the codes of one part; what they say is written to `target` a chunk at a time."""

    scan: Scan
    part: NDArray[np.uint8]
    target: NDArray[np.int32]
    start: int = 0
    bits: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, dtype=np.uint16))
    steps: dict[int, list[int]] = field(default_factory=dict)
    symbols: dict[int, list[int]] = field(default_factory=dict)
    places: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    def read(self, blocks: int) -> None:
        """Read so many blocks of each component."""
        end = at = 0
        for base, dc, ac in self._blocks(blocks):
            table, k = dc, 0
            while k < COEFFICIENTS:
                if at >= end:
                    at, end = self._next_chunk(at)
                symbol, step = self.symbols[table][at], self.steps[table][at]
                if step == 0:
                    raise BrokenDicom("an extended JPEG with a code that its table hasn't")
                if table != dc:
                    if symbol == _END_OF_BLOCK:
                        at += step
                        break
                    k += symbol >> 4
                size = symbol & 0xF
                if size:
                    if k >= COEFFICIENTS:
                        raise BrokenDicom("an extended JPEG whose block is too long")
                    self.places.append(base + k)
                    self.codes.append(at)
                at += step
                k += 1
                table = ac
        self._write()

    def _blocks(self, blocks: int) -> Iterator[tuple[int, int, int]]:
        """Where each block's coefficients go, and its DC and AC tables, by number."""
        components = len(self.scan.components)
        for number in range(blocks * components):
            turn = number % components
            yield number * COEFFICIENTS, 2 * turn, 2 * turn + 1

    def _next_chunk(self, at: int) -> tuple[int, int]:
        """Write what is read, and go on behind it: the first bit to read of the new chunk, and where it ends."""
        self._write()
        bit = self.start * 8 + at
        self.start = bit // 8
        if self.start >= len(self.part):
            raise BrokenDicom("an extended JPEG that ends early")
        stop = min(self.start + CHUNK_BYTES, len(self.part))
        self.bits = windows(self.part, self.start, stop + _LONGEST_BITS // 8)
        last = (stop - self.start) * 8
        for number, table in enumerate(self._tables()):
            window = self.bits[:last]
            length, symbol = table.length[window], table.symbol[window]
            self.steps[number] = np.where(length > 0, length + (symbol & 0xF), 0).tolist()
            self.symbols[number] = symbol.tolist()
        return bit - self.start * 8, last

    def _tables(self) -> Iterator[Huffman]:
        for dc, ac in zip(self.scan.dc, self.scan.ac, strict=True):
            if ac is None:
                raise BrokenDicom("a JPEG that lacks a Huffman table")
            yield from (dc, ac)

    def _write(self) -> None:
        """The values of the codes found so far (F.1.2.1): size in the code's symbol, then so many bits."""
        if self.places:
            at = np.array(self.codes, dtype=np.int64)
            steps, sizes = self._steps_and_sizes(at)
            extra = self.bits[at + steps - sizes].astype(np.int32) >> (16 - sizes)
            self.target[self.places] = np.where(extra < 1 << (sizes - 1), extra - (1 << sizes) + 1, extra)
        self.places.clear()
        self.codes.clear()

    def _steps_and_sizes(self, at: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        place = np.array(self.places, dtype=np.int64)
        turn = place // COEFFICIENTS % len(self.scan.components)
        steps = np.empty(len(at), dtype=np.int64)
        sizes = np.empty(len(at), dtype=np.int64)
        for number, table in enumerate(self._tables()):
            mine = (turn == number // 2) & ((place % COEFFICIENTS == 0) == (number % 2 == 0))
            window = self.bits[at[mine]]
            sizes[mine] = table.symbol[window] & 0xF
            steps[mine] = table.length[window] + sizes[mine]
        return steps, sizes
