"""Regions of a frame with their scale, and the scale of what lies in one: millimetres a pixel, or why there are none.

A wrong scale is worse than none: where regions contradict each other, where one isn't a picture of space, or where an
object reaches over a region's edge, the answer is a reason in words. Leaves out: reading regions from a file
(components/formats/dicom/ultrasound.py), and areas and diameters.
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

    The region that holds the whole box decides. Several may hold it if they agree (a colour flow window over the
    tissue); a region without a scale among them agrees with none.
    """
    if not regions:
        return NO_REGION
    x0, y0, x1, y1 = box_xyxy
    around = [
        region
        for region in regions
        if region.box[0] <= x0 <= x1 <= region.box[2] and region.box[1] <= y0 <= y1 <= region.box[3]
    ]
    if not around:
        return OUTSIDE
    scales: list[Spacing] = []
    for region in around:
        if region.x_mm is None or region.y_mm is None:
            return f"{region.source}: {region.why or NO_REGION}"
        scales.append(Spacing(region.x_mm, region.y_mm, region.source))
    return scales[0] if all(_same(scales[0], other) for other in scales) else DIFFERING


def _same(one: Spacing, other: Spacing) -> bool:
    pairs = ((one.x_mm, other.x_mm), (one.y_mm, other.y_mm))
    return all(math.isclose(a_mm, b_mm, rel_tol=SAME_SCALE) for a_mm, b_mm in pairs)
