"""Masks to what leaves the program: COCO run lengths, polygons, a tight box; run lengths back to masks.

The run lengths are COCO's compressed ones (pycocotools): column-major, alternating background and object. The
polygons run along pixel corners, not through pixel centres, so that they enclose exactly the mask's pixels. Leaves
out: files, and how a mask comes about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from components.types import Mask


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
