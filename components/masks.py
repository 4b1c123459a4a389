"""Masks to what leaves the program: COCO run lengths, polygons, a tight box; run lengths back to masks; two compared.

The run lengths are COCO's compressed ones (pycocotools): column-major, alternating background and object. The
polygons run along pixel corners, not through pixel centres, so that they enclose exactly the mask's pixels. Run lengths
from outside are read here and not by pycocotools, which believes them: theirs may point anywhere in memory. Leaves out:
files, and how a mask comes about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from components.errors import PromptError
from components.types import Mask

_ZERO, _SIX_BITS, _MORE, _FIVE_BITS, _SIGN = 48, 63, 32, 31, 16
_LONGEST_NUMBER = 7
"""Characters of a run length: 35 bits are more than any image's pixels."""


class Rle(TypedDict):
    """A mask as COCO compressed run lengths: `size` is (height, width) in pixels, `counts` printable ASCII."""

    size: list[int]
    counts: str


def to_rle(mask: Mask) -> Rle:
    """Encode a mask (H W) as COCO compressed run lengths."""
    encoded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side_px) for side_px in mask.shape], "counts": encoded["counts"].decode("ascii")}


def from_rle(rle: Rle | Mapping[str, object]) -> Mask:
    """Decode COCO compressed run lengths into a mask (H W); meant for those that `to_rle` wrote."""
    counts = str(rle["counts"]).encode("ascii")
    return np.asarray(coco_mask.decode({"size": rle["size"], "counts": counts}), dtype=bool)


def checked_runs(rle: Rle | Mapping[str, object], size_hw: tuple[int, int]) -> NDArray[np.int64]:
    """The run lengths of a mask from outside (pixels, column-major, background first), once they are known to be those
    of one with `size_hw`.

    Takes memory in proportion to the text alone, so that sizes can be compared with limits first.

    Raises
    ------
    PromptError
        If the size is another one, or the text isn't run lengths, or they don't fill the mask exactly.
    """
    size, counts = rle["size"], rle["counts"]
    if not isinstance(size, list | tuple) or tuple(size) != tuple(size_hw):
        raise _bad_rle(f"a mask of the size {size}", f"the image's, [{size_hw[0]}, {size_hw[1]}] (height, width)")
    if not isinstance(counts, str) or not counts.isascii():
        raise _bad_rle("counts that aren't ASCII text", "COCO's compressed run lengths")
    sixes = np.frombuffer(counts.encode("ascii"), dtype=np.uint8).astype(np.int64) - _ZERO
    if sixes.size == 0 or sixes.min() < 0 or sixes.max() > _SIX_BITS or sixes[-1] & _MORE:
        raise _bad_rle("counts that are empty, cut off, or hold other characters", "COCO's compressed run lengths")
    runs = _runs(sixes)
    total_px = size_hw[0] * size_hw[1]
    # No sum of so many 64-bit numbers overflows: each is checked first, and there are fewer than characters.
    if runs.min() < 0 or runs.max() > total_px or int(runs.sum()) != total_px:
        raise _bad_rle("runs that don't add up to the mask's pixels", f"{total_px} pixels, no run below 0")
    return runs


def decode_checked(rle: Rle | Mapping[str, object], size_hw: tuple[int, int]) -> Mask:
    """Decode COCO compressed run lengths from outside into a mask (H W) of `size_hw`.

    Raises
    ------
    PromptError
        As `checked_runs`.
    """
    runs = checked_runs(rle, size_hw)
    values = np.arange(runs.size) % 2 == 1
    return np.ascontiguousarray(np.repeat(values, runs).reshape(size_hw, order="F"))


def _runs(sixes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Run lengths of their characters less 48: five bits each, lowest first, a sixth where more follow, the last one's
    fifth a sign; from the fourth run on as the difference to the last but one (pycocotools' maskApi.c, rleFrString)."""
    last = np.flatnonzero((sixes & _MORE) == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    places = np.arange(sixes.size) - np.repeat(first, last - first + 1)
    if places.max() >= _LONGEST_NUMBER:
        raise _bad_rle("a run length of too many characters", f"at most {_LONGEST_NUMBER} each")
    numbers = np.add.reduceat((sixes & _FIVE_BITS) << (5 * places), first)
    negative = (sixes[last] & _SIGN) != 0
    numbers -= np.where(negative, np.int64(1) << (5 * (places[last] + 1)), 0)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _bad_rle(found: str, expected: str) -> PromptError:
    return PromptError(
        found, expected=expected, remedy="send the mask as it was answered, or as pycocotools encodes it for this image"
    )


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pixels of two masks of one image: those of both, of each by itself, and of the image."""

    common_px: int
    one_px: int
    other_px: int
    image_px: int

    @property
    def union_px(self) -> int:
        """Pixels of at least one of them."""
        return self.one_px + self.other_px - self.common_px

    @property
    def dice(self) -> float | None:
        """Twice the common pixels over the sum of both; None for two empty masks."""
        total_px = self.one_px + self.other_px
        return 2 * self.common_px / total_px if total_px else None

    @property
    def iou(self) -> float | None:
        """The common pixels over those of at least one; None for two empty masks."""
        return self.common_px / self.union_px if self.union_px else None


def overlap(one: Mask, other: Mask) -> Overlap:
    """Compare two masks (H W each) of one image.

    Raises
    ------
    ValueError
        If they differ in size.
    """
    if one.shape != other.shape:
        raise ValueError(f"masks of {one.shape} and {other.shape} pixels")
    common_px, one_px, other_px = (int(np.count_nonzero(mask)) for mask in (one & other, one, other))
    return Overlap(common_px, one_px, other_px, one.size)


def tight_box(mask: Mask) -> tuple[int, int, int, int] | None:
    """The tight half-open box (x0, y0, x1, y1) of a mask in pixels; None for an empty one."""
    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def to_polygons(mask: Mask) -> list[list[float]]:
    """Trace a mask's borders as closed rings [x0, y0, x1, y1, …] along pixel corners.

    Corner (0, 0) is the top left corner of the top left pixel; a one-pixel mask there gives the square with the
    corners (0, 0) and (1, 1). Holes are rings of their own: fill all rings of a mask together by the even-odd rule
    and exactly its pixels are filled. Readers that know no holes (COCO's polygons) should take the run lengths.
    """
    box = tight_box(mask)
    if box is None:
        return []
    x0, y0, x1, y1 = box
    # Each pixel becomes 2 x 2: OpenCV's border runs through pixel centres, and on the doubled grid the border's
    # pixel u lies beside corner (u + 1) // 2 of the original grid, for outer borders and holes alike.
    doubled = np.repeat(np.repeat(mask[y0:y1, x0:x1].astype(np.uint8), 2, axis=0), 2, axis=1)
    rings, _ = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    corners = [_without_needless((np.asarray(ring)[:, 0, :].astype(np.int64) + 1) // 2) for ring in rings]
    return [(ring + np.array([x0, y0])).astype(np.float64).ravel().tolist() for ring in corners]


def _without_needless(ring_xy: NDArray[np.int64]) -> NDArray[np.int64]:
    """Drop a closed ring's repeated points, then those in the middle of a straight run (N 2)."""
    moved = np.any(ring_xy != np.roll(ring_xy, 1, axis=0), axis=1)
    ring_xy = ring_xy[moved]
    before, after = ring_xy - np.roll(ring_xy, 1, axis=0), np.roll(ring_xy, -1, axis=0) - ring_xy
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    return np.asarray(ring_xy[turns])
