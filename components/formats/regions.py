"""Regions of a frame with their scale, and the scale of what lies in one: millimetres a pixel, or why there are none.

A wrong scale is worse than none: where regions over an object contradict each other, where one of them isn't a picture
of space, or where the object reaches over a region's edge, the answer is a reason in words. Leaves out: reading regions
from a file (components/formats/dicom/ultrasound.py), and areas and diameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.types import BoxXyxy

NO_REGION = "the file states no scale"
OUTSIDE = "the object isn't wholly inside one calibrated region"
DIFFERING = "regions of different scale lie over each other here"
# Two roundings of one number; a difference of a thousandth in length is far below what a caliper shows.
SAME_SCALE = 1e-3


@dataclass(frozen=True, slots=True)
class Region:
    """A part of each frame, as a file states it.

    `box` is x0 y0 x1 y1 in pixels, half-open. `x_mm` and `y_mm` are the millimetres of one pixel to the right and
    down; both None where there is no scale to be trusted, and `why` then says so. `source` names what states it.
    """

    box: tuple[int, int, int, int]
    x_mm: float | None
    y_mm: float | None
    source: str
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Spacing:
    """The millimetres of one pixel to the right and down, and what states them."""

    x_mm: float
    y_mm: float
    source: str


def spacing_at(regions: Sequence[Region], box_xyxy: BoxXyxy) -> Spacing | str:
    """The scale of what lies in a box (half-open, pixels), or in words why there is none.

    One region must hold the whole box, and every other that overlaps it, wholly or in part, must have the same scale (a
    colour flow window over the tissue has it). A region without a scale agrees with none: where a curve or an inset
    covers part of the box, nobody knows which pixels are whose.
    """
    if not regions:
        return NO_REGION
    holding = [region for region in regions if _holds(region.box, box_xyxy)]
    concerned = [region for region in regions if region in holding or _overlaps(region.box, box_xyxy)]
    scales: list[Spacing] = []
    for region in concerned:
        if region.x_mm is None or region.y_mm is None:
            return f"{region.source}: {region.why or NO_REGION}"
        scales.append(Spacing(region.x_mm, region.y_mm, region.source))
    if not holding:
        return OUTSIDE
    first = scales[concerned.index(holding[0])]
    return first if all(_same(first, other) for other in scales) else DIFFERING


def around(*boxes: BoxXyxy | None) -> BoxXyxy | None:
    """The smallest box that holds all boxes; None where there is none."""
    given = [box for box in boxes if box is not None]
    if not given:
        return None
    x0, y0, x1, y1 = zip(*given, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _holds(outer: BoxXyxy, inner: BoxXyxy) -> bool:
    return outer[0] <= inner[0] <= inner[2] <= outer[2] and outer[1] <= inner[1] <= inner[3] <= outer[3]


def _overlaps(one: BoxXyxy, other: BoxXyxy) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _same(one: Spacing, other: Spacing) -> bool:
    pairs = ((one.x_mm, other.x_mm), (one.y_mm, other.y_mm))
    return all(math.isclose(a_mm, b_mm, rel_tol=SAME_SCALE) for a_mm, b_mm in pairs)
