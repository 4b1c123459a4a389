"""Annotated objects one after another, to one instance mask: filled outlines, run lengths, parts of a label map.

However many objects an image has, and however large it is, only one of them is held at a time beside the mask that
comes to be: each goes into a map of places at once, and the map is numbered anew at the end. A pixel belongs to a
polygon if its centre lies inside (even-odd rule, vertices in the frame whose origin is the top left corner of the top
left pixel), so that the square (0, 0) to (10, 10) covers exactly 10 x 10 pixels. Leaves out: mask files (pixels.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from components.intake.layouts import Instance, Polygon
from components.intake.layouts.instances import drawn_runs
from components.intake.measuring.content import histogram
from components.types import InstanceMask, Mask, ObjectTruth

MAX_OBJECTS = 255


@dataclass(frozen=True, slots=True)
class Patch:
    """A part of the frame: its top left pixel (row, column), and which of its pixels (h w) belong to an object."""

    top: int
    left: int
    mask: Mask

    @property
    def area_px(self) -> int:
        return int(np.count_nonzero(self.mask))


class Layers:
    """Objects of one image, laid on one another; where they overlap the smaller one lies on top.

    The largest is the first object.

    Parameters
    ----------
    size_hw
        The frame, in pixels.
    min_area_px
        Smaller patches are no objects: they are counted in `specks`. `covered`, after `result`, are the objects of
        which nothing is to be seen under others.
    """

    def __init__(self, size_hw: tuple[int, int], *, min_area_px: int) -> None:
        self.specks = self.covered = 0
        self._min_area_px = min_area_px
        self._places: NDArray[np.uint16] = np.zeros(size_hw, dtype=np.uint16)  # H W, 0 where no object is
        self._labels: list[str] = []
        # The background is larger than any object, so that each lies on top of it.
        self._areas_px = np.full(MAX_OBJECTS + 1, np.iinfo(np.int32).max, dtype=np.int32)

    @property
    def full(self) -> bool:
        """Whether there are more objects than a mask can hold, however many more come."""
        return len(self._labels) > MAX_OBJECTS

    def add(self, label: str, patch: Patch) -> None:
        """Lay an object over or under those that are there; of those of one size the last is on top."""
        area_px = patch.area_px
        if area_px < self._min_area_px:
            self.specks += 1
            return
        self._labels.append(label)
        if self.full:
            return
        place = len(self._labels)
        self._areas_px[place] = area_px
        height_px, width_px = patch.mask.shape
        window = self._places[patch.top : patch.top + height_px, patch.left : patch.left + width_px]
        window[patch.mask & (self._areas_px[window] >= area_px)] = place

    def result(self) -> tuple[InstanceMask, tuple[ObjectTruth, ...], int]:
        """The instance mask (H W), its objects, the largest first, and how many there are.

        An object that others cover wholly isn't there any more. Beyond `MAX_OBJECTS` the number is one more.
        """
        there = histogram(self._places, levels=MAX_OBJECTS + 1)
        order = sorted(range(1, min(len(self._labels), MAX_OBJECTS) + 1), key=lambda place: -self._areas_px[place])
        chosen = [(place, self._labels[place - 1]) for place in order if there[place]]
        self.covered = len(order) - len(chosen)
        instances, objects = numbered(self._places, chosen, levels=MAX_OBJECTS + 1)
        return instances, objects, MAX_OBJECTS + 1 if self.full else len(objects)


def numbered(
    places: NDArray[np.integer[Any]], chosen: Sequence[tuple[int, str]], *, levels: int
) -> tuple[InstanceMask, tuple[ObjectTruth, ...]]:
    """Number the chosen values of a map (H W), each with its label, from 1 on; all others become background.

    `chosen` are at most `MAX_OBJECTS` values that stand in the map, whose values are under `levels`.
    """
    index_of = np.zeros(levels, dtype=np.uint8)
    index_of[[place for place, _ in chosen]] = np.arange(1, len(chosen) + 1)
    instances = index_of[places]
    areas_px = histogram(instances)
    objects = []
    for index, ((_, label), box) in enumerate(zip(chosen, find_objects(instances, len(chosen)), strict=True), 1):
        rows, columns = box
        box_xyxy = (columns.start, rows.start, columns.stop, rows.stop)
        objects.append(ObjectTruth(index, label, box_xyxy, int(areas_px[index])))
    return instances, tuple(objects)


def drawn(instance: Instance) -> Patch:
    """One annotated object: run lengths decoded, polygons filled as in `filled` and united, or by the even-odd rule."""
    if instance.runs is not None:
        return Patch(0, 0, drawn_runs(instance))
    patches = [filled(tuple(zip(r[::2], r[1::2], strict=True)), instance.size_hw) for r in instance.rings]
    if len(patches) == 1:
        return patches[0]
    top, left = min(one.top for one in patches), min(one.left for one in patches)
    bottom = max(one.top + one.mask.shape[0] for one in patches)
    right = max(one.left + one.mask.shape[1] for one in patches)
    mask = np.zeros((bottom - top, right - left), dtype=bool)
    join = np.logical_xor if instance.even_odd else np.logical_or
    for one in patches:
        height_px, width_px = one.mask.shape
        window = mask[one.top - top :, one.left - left :][:height_px, :width_px]
        join(window, one.mask, out=window)
    return Patch(top, left, mask)


def filled(polygon: Polygon, size_hw: tuple[int, int]) -> Patch:
    """Fill a polygon (vertices x, y in pixels; closed by itself) by the even-odd rule at pixel centres.

    Parts outside the image are cut off.
    """
    height_px, width_px = size_hw
    vertices = np.asarray(polygon, dtype=np.float64)  # N 2
    # A pixel more on each side, as rounding may put a crossing there.
    (left, top), (right, bottom) = (
        np.clip(np.ceil(side - 0.5) + more, 0, (width_px, height_px)).astype(int)
        for side, more in ((vertices.min(axis=0), -1), (vertices.max(axis=0), 1))
    )
    # Each crossing of a row's centre line flips all pixels to its right; a running parity then fills the row.
    flips = np.zeros((bottom - top, right - left + 1), dtype=np.uint8)
    for (x0, y0), (x1, y1) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        low, high = min(y0, y1), max(y0, y1)
        first = int(np.clip(np.ceil(low - 0.5), 0, height_px))
        last = int(np.clip(np.ceil(high - 0.5), 0, height_px))
        rows = np.arange(first, last)
        x = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        columns = np.clip(np.ceil(x - 0.5), left, right).astype(np.int64)
        flips[rows - top, columns - left] ^= 1
    np.bitwise_xor.accumulate(flips, axis=1, out=flips)
    return Patch(int(top), int(left), flips[:, :-1].view(bool))
