"""COCO's `segmentation`, to an instance whose pixels can be drawn, or to the reason why they can't.

Polygons are checked for number, shape and place of their points, run lengths for their size and sum. Compressed run
lengths are COCO's: base 48, five bits a letter and a sixth for "more follows", from the third on as differences to the
count before the last (pycocotools, common/maskApi.c). Leaves out: filling polygons (measuring/pixels.py).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.intake.layouts.reading import Instance
from components.types import Mask

MAX_POINTS = 100_000
MAX_RUNS_LETTERS = 2_000_000
# Labelling tools let a point slip over the frame's edge; further out it belongs to another image.
SLIP_PX = 1.0
_FIRST_LETTER, _BITS, _MORE, _SIGN, _MAX_LETTERS = 48, 5, 0x20, 0x10, 7


class OutlineError(ValueError):
    """An annotation that can't be drawn; `code` is the fault's, in the catalogue of components/intake/faults.py."""

    def __init__(self, found: str, *, code: str = "broken_outline") -> None:
        super().__init__(found)
        self.code = code


def instance_of(segmentation: Any, code: int, *, size_hw: tuple[int, int], even_odd: bool) -> Instance:
    """Check one annotation's `segmentation`, for an image of `size_hw`.

    Raises
    ------
    OutlineError
        If it isn't one or more polygons within the image, or run lengths that cover it.
    """
    if isinstance(segmentation, dict):
        return Instance(code, size_hw, runs=_checked_runs(segmentation, size_hw))
    if not isinstance(segmentation, list) or not segmentation:
        raise OutlineError("neither polygons nor run lengths")
    return Instance(code, size_hw, rings=tuple(_ring(ring, size_hw) for ring in segmentation), even_odd=even_odd)


def _ring(ring: Any, size_hw: tuple[int, int]) -> array[float]:
    if not isinstance(ring, list) or len(ring) > 2 * MAX_POINTS:
        raise OutlineError("a polygon that isn't a list of numbers, or of too many")
    if not set(map(type, ring)) <= {int, float}:
        raise OutlineError("a polygon with something else than numbers")
    if len(ring) % 2 or len(ring) < 6:
        raise OutlineError(f"a polygon of {len(ring)} numbers, neither pairs nor three points")
    height_px, width_px = size_hw
    try:
        points = np.array(ring, dtype=np.float64).reshape(-1, 2)  # N 2
    except OverflowError:
        large = next(str(value)[:20] for value in ring if abs(value) > 10**300)
        raise OutlineError(f"the point ({large}…) outside {width_px} x {height_px} pixels") from None
    if not np.isfinite(points).all():
        raise OutlineError("a point that isn't finite")
    outside = (points < -SLIP_PX) | (points > np.array([width_px, height_px]) + SLIP_PX)
    if outside.any():
        x, y = points[outside.any(axis=1).argmax()]
        raise OutlineError(f"the point ({x:g}, {y:g}) outside {width_px} x {height_px} pixels")
    following = np.roll(points, -1, axis=0)
    if not np.any(points[:, 0] * following[:, 1] - following[:, 0] * points[:, 1]):
        raise OutlineError("a polygon without area")
    return array("d", points.tobytes())


def _checked_runs(segmentation: dict[str, Any], size_hw: tuple[int, int]) -> array[int] | str:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, list) or tuple(size) != size_hw:
        found = f"run lengths of size {str(size)[:40]}, an image of height and width {list(size_hw)}"
        raise OutlineError(found, code="mask_size_mismatch")
    if isinstance(counts, list):
        if not set(map(type, counts)) <= {int}:
            raise OutlineError("run lengths with something else than whole numbers")
        if counts and not 0 <= min(counts) <= max(counts) <= size_hw[0] * size_hw[1]:
            raise OutlineError("a run length under 0, or longer than the image")
        counts = array("q", counts)
    elif not isinstance(counts, str):
        raise OutlineError("run lengths without counts")
    lengths = run_lengths(counts)
    if (lengths < 0).any():
        raise OutlineError("a run length under 0")
    if int(lengths.sum()) != size_hw[0] * size_hw[1]:
        raise OutlineError(f"run lengths of {int(lengths.sum()):,} pixels, an image of {size_hw[0] * size_hw[1]:,}")
    if not lengths[1::2].any():
        raise OutlineError("run lengths without one pixel of the object")
    return counts


def run_lengths(counts: Sequence[int] | str) -> NDArray[np.int64]:
    """The counts of run lengths (N), decompressed where they are text.

    Raises
    ------
    OutlineError
        If the text isn't compressed run lengths.
    """
    if not isinstance(counts, str):
        return np.asarray(counts, dtype=np.int64)
    if not counts.isascii() or not 0 < len(counts) <= MAX_RUNS_LETTERS:
        raise OutlineError("compressed run lengths that are empty, too long, or not ASCII")
    letters = np.frombuffer(counts.encode("ascii"), dtype=np.uint8).astype(np.int64) - _FIRST_LETTER
    ends = np.flatnonzero((letters & _MORE) == 0)
    if letters.min() < 0 or letters.max() >= 2 * _MORE or not len(ends) or ends[-1] != len(letters) - 1:
        raise OutlineError("compressed run lengths with a strange letter, or cut off")
    starts = np.concatenate([[0], ends[:-1] + 1])
    number_letters = ends - starts + 1
    if number_letters.max() > _MAX_LETTERS:
        raise OutlineError("compressed run lengths with too large a number")
    place = np.arange(len(letters)) - np.repeat(starts, number_letters)
    values = np.add.reduceat((letters & (_MORE - 1)) << (_BITS * place), starts)
    values -= np.where(letters[ends] & _SIGN, np.int64(1) << (_BITS * number_letters), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def drawn_runs(instance: Instance) -> Mask:
    """The mask (H W) of an instance's run lengths, which `instance_of` has checked."""
    assert instance.runs is not None, "an instance of run lengths"
    lengths = run_lengths(instance.runs)
    height_px, width_px = instance.size_hw
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)  # down each column, then the next
    return np.ascontiguousarray(flat.reshape(width_px, height_px).T)
