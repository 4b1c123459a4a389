"""A mask's outline to its hull, the pairs of points that can be farthest apart, and its extents along a direction.

All points are pixel corners: (0, 0) is the top left corner of the top left pixel, and a one-pixel mask there has the
corners (0, 0), (1, 0), (1, 1), (0, 1). Leaves out: millimetres, and which of it is a diameter (measure.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from components.masks import tight_box
from components.types import Mask

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Of numbers of a thousand pixels squared, rounding leaves a part in 1e10 and more; corners of the pixel grid that
# don't lie on one line of a direction between two corners are farther apart than that.
SAME_SHARE = 1e-9
MAX_EDGES = 2**17
"""Unit edges of all of a mask's borders, beyond which it isn't traced: some ten times those of a large, ragged lesion.

Time and memory grow with them, and a few kilobytes of run lengths can stand for as many as there are pixels.
"""


@dataclass(frozen=True, slots=True)
class Outline:
    """A mask's largest part: the corners of its convex hull in order (N 2), and the unit edges of its outline.

    `across_xy` and `down_xy` are the starts (N 2) of edges that go one pixel to the right, and one pixel down. `parts`
    is how many parts that don't touch, not even at a corner, the mask has, and that aren't within another's hole.
    """

    hull_xy: Ints
    across_xy: Ints
    down_xy: Ints
    parts: int


def trace(mask: Mask) -> Outline | None:
    """The outline of a mask (H W); of several parts that which encloses the most pixels.

    None for an empty mask, and for one whose borders have more than `MAX_EDGES` edges.
    """
    box = tight_box(mask)
    if box is None or count_edges(mask) > MAX_EDGES:
        return None
    x0, y0, x1, y1 = box
    within = np.ascontiguousarray(mask[y0:y1, x0:x1]).view(np.uint8)
    contours, _ = cv2.findContours(within, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(contours, key=_enclosed_px)
    border_xy = largest[:, 0, :].astype(np.int64)
    at = np.array([x0, y0])
    hull_xy = _hull((cv2.convexHull(largest)[:, 0, None, :] + _SQUARE).reshape(-1, 2)) + at
    across_xy, down_xy = _bare_edges(within, border_xy)
    return Outline(hull_xy, across_xy + at, down_xy + at, len(contours))


def largest_part(mask: Mask) -> Mask:
    """Of a mask (H W) that has one, the part that `trace` follows, without its holes."""
    contours, _ = cv2.findContours(np.ascontiguousarray(mask).view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, dtype=np.uint8)
    cv2.drawContours(filled, [max(contours, key=_enclosed_px)], -1, 1, cv2.FILLED)
    return filled.astype(bool)


def count_edges(mask: Mask) -> int:
    """The unit edges between a mask (H W) and what isn't of it, around all parts and holes."""
    inner = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    outer = sum(np.count_nonzero(side) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    return int(inner + outer)


_SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.int32)
_RIGHT, _DOWN = np.array([1, 0]), np.array([0, 1])


def _enclosed_px(contour: NDArray[np.int32]) -> float:
    """The pixels that a contour through pixel centres encloses or runs through, by Pick's theorem."""
    return 1.0 if len(contour) == 1 else cv2.contourArea(contour) + len(contour) / 2 + 1


def _hull(points_xy: NDArray[np.int32]) -> Ints:
    """The corners of the convex hull of points (N 2), in one sense of rotation, none between two others."""
    ring = cv2.convexHull(points_xy)[:, 0, :].astype(np.int64)
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    return np.asarray(ring[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]])


def _bare_edges(within: NDArray[np.uint8], border_xy: Ints) -> tuple[Ints, Ints]:
    """Of border pixels (N 2) the edges that face no pixel of the mask: the starts of those across, and down."""
    height, width = within.shape
    padded = np.zeros((height + 2, width + 2), dtype=np.uint8)
    padded[1:-1, 1:-1] = within
    flat = padded.ravel()
    place = (border_xy[:, 1] + 1) * (width + 2) + border_xy[:, 0] + 1
    above, below = flat[place - width - 2] == 0, flat[place + width + 2] == 0
    left, right = flat[place - 1] == 0, flat[place + 1] == 0
    across_xy = np.concatenate([border_xy[above], border_xy[below] + _DOWN])
    down_xy = np.concatenate([border_xy[left], border_xy[right] + _RIGHT])
    return across_xy, down_xy


def antipodal_pairs(hull_xy: Ints) -> Ints:
    """The index pairs (N 2) of a convex ring's corners that two parallel lines can hold between them.

    Rotating calipers (Shamos, Computational Geometry, 1978; Preparata and Shamos, 1985, 4.2.3), in whole numbers, so
    that nothing is rounded. A stretch of the axes keeps parallels parallel: the pairs are the same in pixels and in
    millimetres, and the two points farthest apart are among them in both.
    """
    ring: list[list[int]] = hull_xy.tolist()
    count = len(ring)
    sense = 1 if _cross(ring[0], ring[1], ring[1], ring[2]) > 0 else -1
    pairs: list[tuple[int, int]] = []
    far = 1
    for near in range(count):
        following = (near + 1) % count
        while True:
            beyond = (far + 1) % count
            rise = sense * _cross(ring[near], ring[following], ring[far], ring[beyond])
            if rise <= 0:
                break
            far = beyond
        pairs += [(near, far), (following, far)]
        if rise == 0:
            pairs += [(near, beyond), (following, beyond)]
    return np.array(pairs, dtype=np.int64)


def _cross(a: list[int], b: list[int], c: list[int], d: list[int]) -> int:
    """The cross product of b - a and d - c."""
    return (b[0] - a[0]) * (d[1] - c[1]) - (b[1] - a[1]) * (d[0] - c[0])


@dataclass(frozen=True, slots=True)
class Extents:
    """How far an outline reaches on each line across a direction that goes through one of its corners.

    `along` is where the line meets the direction, in ascending order; `low` and `high` where the outline's first and
    last point on the line lie. All are (N), in lengths times that of the direction's vector.
    """

    along: Floats
    low: Floats
    high: Floats


def extents(outline: Outline, direction_xy: tuple[float, float], *, scale_xy: tuple[float, float]) -> Extents:
    """How far an outline reaches across a direction, both of them after the axes were stretched by `scale_xy`.

    Between two corners' lines the first and last point move evenly, so that no line reaches farther than the best
    of those through corners. O(N log N) in the outline's edges, whatever their arrangement.
    """
    turn = _Turned(direction_xy, scale_xy)
    starts = np.concatenate([outline.across_xy, outline.down_xy])
    ends = np.concatenate([outline.across_xy + _RIGHT, outline.down_xy + _DOWN])
    where, along = _merged(turn.along(np.concatenate([starts, ends])))
    across, edges = turn.across(np.concatenate([starts, ends])), len(starts)
    high, low = np.full(len(along), -np.inf), np.full(len(along), np.inf)
    np.maximum.at(high, where, across)
    np.minimum.at(low, where, across)
    split = len(outline.across_xy)
    for own, slope in ((slice(0, split), turn.slope_across), (slice(split, edges), turn.slope_down)):
        if slope is None:  # these edges lie on one line each: their ends say all
            continue
        first, last = where[:edges][own], where[edges:][own]
        height = across[:edges][own] - slope * along[first]
        first, last = np.minimum(first, last), np.maximum(first, last)
        high = np.maximum(high, _highest(first, last, height, count=len(along)) + slope * along)
        low = np.minimum(low, slope * along - _highest(first, last, -height, count=len(along)))
    return Extents(along, low, high)


class _Turned:
    """Corners in a frame whose first axis is a direction: scaled by the direction's length, so without a root."""

    def __init__(self, direction_xy: tuple[float, float], scale_xy: tuple[float, float]) -> None:
        (dx, dy), (sx, sy) = direction_xy, scale_xy
        self._to_along, self._to_across = np.array([dx * sx, dy * sy]), np.array([-dy * sx, dx * sy])
        # How much the second coordinate rises with the first on an edge across, and on one down.
        self.slope_across = -dy / dx if dx else None
        self.slope_down = dx / dy if dy else None

    def along(self, xy: Ints) -> Floats:
        return np.asarray(xy @ self._to_along)

    def across(self, xy: Ints) -> Floats:
        return np.asarray(xy @ self._to_across)


def _merged(values: Floats) -> tuple[Ints, Floats]:
    """For each value the index of its like among the distinct ones, and these in ascending order."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    new = np.concatenate([[True], np.diff(ascending) > SAME_SHARE * np.abs(ascending[[0, -1]]).max()])
    where = np.empty(len(values), dtype=np.int64)
    where[order] = np.cumsum(new) - 1
    return where, ascending[new]


def _highest(first: Ints, last: Ints, value: Floats, *, count: int) -> Floats:
    """For each of `count` places the highest value of the intervals [first, last] that hold it; -inf for none.

    A sparse table upside down: each interval is two that overlap of a length that is a power of two, and from the
    longest down each hands its value to its two halves.
    """
    power = np.frexp(last - first + 1)[1] - 1  # the largest power of two within the length
    table = np.full((int(power.max()) + 1, count), -np.inf)
    np.maximum.at(table, (power, first), value)
    np.maximum.at(table, (power, last + 1 - (1 << power)), value)
    for level in range(len(table) - 1, 0, -1):
        half, longer, shorter = 1 << (level - 1), table[level], table[level - 1]
        np.maximum(shorter, longer, out=shorter)
        np.maximum(shorter[half:], longer[:-half], out=shorter[half:])
    return np.asarray(table[0])
