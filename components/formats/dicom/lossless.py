"""A lossless JPEG frame (ITU-T T.81, annex H) to its samples, in numpy.

GDCM, the only library for it under a licence that fits, ends the whole process on some damaged frames. Here nothing is
read or written outside arrays, and time is bounded by the pixels that the file states. Codes are followed from each to
the next; all that they say is then computed at once. Leaves out: sub-sampled components, arithmetic coding.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from components.formats.dicom.elements import BrokenDicom
from components.formats.dicom.jpeg_headers import Headers, Huffman, Scan, read_headers, windows

Samples = NDArray[np.uint16]
CHUNK_BYTES = 2**16
# Longer than any code with its bits: what follows no code ends the chunk, and is found out.
_NO_CODE_BITS = 255
_MOST_BITS = 16


def decode_lossless(frame: bytes, shape: tuple[int, int, int]) -> Samples:
    """The samples of a frame of this shape, H W S.

    Raises
    ------
    BrokenDicom
        If the codestream is damaged, of another shape, or of a kind that isn't read here.
    """
    headers = read_headers(frame, shape)
    if any((component.across, component.down) != (1, 1) for component in headers.components):
        raise BrokenDicom("a lossless JPEG with sub-sampled components")
    samples = np.zeros(shape, dtype=np.uint16)  # H W S
    for scan in headers.scans:
        first_row = 0
        for rows, part in _bands(headers, scan):
            differences = _differences(part, scan.dc, rows * headers.width_px)
            for place, component in enumerate(scan.components):
                band = differences[place :: len(scan.components)].reshape(rows, headers.width_px)
                origin = 1 << (headers.depth - scan.low_bit - 1)
                done = _predicted(band, scan.start, origin) << np.uint16(scan.low_bit)
                samples[first_row : first_row + rows, :, component] = done
            first_row += rows
    return samples


def _bands(headers: Headers, scan: Scan) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """How many rows each part between restarts has, and the part. Prediction begins anew in each (H.1.1)."""
    if headers.depth <= scan.low_bit or not 2 <= headers.depth <= _MOST_BITS:
        raise BrokenDicom(f"a lossless JPEG of {headers.depth} bits")
    if not scan.interval:
        yield headers.height_px, scan.parts[0]
        return
    rows, rest = divmod(scan.interval, headers.width_px)
    if rest or -(-headers.height_px // rows) != len(scan.parts):
        raise BrokenDicom("a lossless JPEG whose restarts don't fit its rows")
    for number, part in enumerate(scan.parts):
        yield min(rows, headers.height_px - number * rows), part


def _differences(part: NDArray[np.uint8], tables: tuple[Huffman, ...], pixels: int) -> Samples:
    """The coded differences of so many pixels, modulo 2 to the 16, components taking turns."""
    count = pixels * len(tables)
    found = np.empty(count, dtype=np.uint16)
    done = bit = 0
    while done < count:
        start = bit // 8
        if start >= len(part):
            raise BrokenDicom("a lossless JPEG that ends early")
        stop = min(start + CHUNK_BYTES, len(part))
        bits = windows(part, start, stop + 4)
        last = (stop - start) * 8
        places = _follow(bits[:last], tables, bit - start * 8, count - done, turn=done % len(tables))
        for turn, table in enumerate(tables):
            offset = (turn - done) % len(tables)
            found[done + offset : done + len(places) : len(tables)] = _values(
                bits, places[offset :: len(tables)], table
            )
        done += len(places)
        window = int(bits[places[-1]])
        table = tables[(done - 1) % len(tables)]
        bit = start * 8 + int(places[-1]) + int(_steps(table)[window])
    return found


def _steps(table: Huffman) -> NDArray[np.uint8]:
    """How far the next code is, by the 16 bits of this one: its own length and that of its difference (H.1.2.2)."""
    extra = np.where(table.symbol < _MOST_BITS, table.symbol, 0)
    steps = np.where((table.length > 0) & (table.symbol <= _MOST_BITS), table.length + extra, _NO_CODE_BITS)
    return steps.astype(np.uint8)


def _follow(
    bits: NDArray[np.uint16], tables: tuple[Huffman, ...], at: int, most: int, *, turn: int
) -> NDArray[np.int64]:
    """The bits at which codes begin, from `at` to the end of the chunk, up to `most` of them."""
    steps = [_steps(table)[bits].tolist() for table in tables]
    places: list[int] = []
    end = len(bits)
    if all(table is tables[0] for table in tables):
        one = steps[0]
        while at < end and len(places) < most:
            places.append(at)
            at += one[at]
    else:
        while at < end and len(places) < most:
            places.append(at)
            at += steps[turn][at]
            turn = (turn + 1) % len(steps)
    return np.array(places, dtype=np.int64)


def _values(bits: NDArray[np.uint16], places: NDArray[np.int64], table: Huffman) -> Samples:
    """The differences that the codes at these bits stand for (H.1.2.2, F.1.2.1)."""
    window = bits[places]
    length, size = table.length[window].astype(np.int64), table.symbol[window].astype(np.int32)
    if not (length > 0).all() or (size > _MOST_BITS).any():
        raise BrokenDicom("a lossless JPEG with a code that its table hasn't")
    extra = bits[places + length].astype(np.int32) >> (_MOST_BITS - size)
    negative = extra < (1 << np.maximum(size - 1, 0))
    values = np.where(negative & (size > 0), extra - (1 << size) + 1, extra)
    return np.where(size == _MOST_BITS, 1 << 15, values).astype(np.uint16)


def _predicted(differences: Samples, predictor: int, origin: int) -> Samples:
    """Samples (H W) from their differences to what is predicted of them (H.1.2.1), modulo 2 to the 16."""
    done = differences.copy()
    done[0, :1] += np.uint16(origin)  # a slice, since only arrays wrap without a warning
    np.cumsum(done[0], dtype=np.uint16, out=done[0])
    if predictor == 1:
        np.cumsum(done[:, 0], dtype=np.uint16, out=done[:, 0])
        done[1:] = np.cumsum(done[1:], axis=1, dtype=np.uint16)
    elif predictor == 2:
        done = np.cumsum(done, axis=0, dtype=np.uint16)
    elif predictor in (3, 4, 5):
        _by_rows(done, predictor)
    elif predictor in (6, 7):
        _by_diagonals(done, predictor)
    else:
        raise BrokenDicom(f"a lossless JPEG of predictor {predictor}")
    return done


def _by_rows(done: Samples, predictor: int) -> None:
    """Predictors that are sums along a row, or know only the row above."""
    for above, row in pairwise(done):
        row[:1] += above[:1]
        if predictor == 3:
            row[1:] += above[:-1]
            continue
        rise = above[1:].astype(np.int32) - above[:-1].astype(np.int32)
        row[1:] += (rise if predictor == 4 else rise >> 1).astype(np.uint16)
        np.cumsum(row, dtype=np.uint16, out=row)


def _by_diagonals(done: Samples, predictor: int) -> None:
    """Predictors that halve what is left of a sample: all of a diagonal from the upper right are known at once."""
    height_px, width_px = done.shape
    np.cumsum(done[:, 0], dtype=np.uint16, out=done[:, 0])
    for diagonal in range(2, height_px + width_px - 1):
        y = np.arange(max(1, diagonal - width_px + 1), min(height_px, diagonal))
        x = diagonal - y
        left, above = done[y, x - 1].astype(np.int32), done[y - 1, x].astype(np.int32)
        if predictor == 6:
            expected = above + ((left - done[y - 1, x - 1].astype(np.int32)) >> 1)
        else:
            expected = (left + above) >> 1
        done[y, x] += expected.astype(np.uint16)
