"""A mask to what a reader measures by hand: area, longest diameter, and the longest perpendicular to it.

Definitions, those of the WHO (Miller et al., Cancer 47, 1981: longest diameter and greatest perpendicular diameter),
which RECIST 1.1 (Eisenhauer et al., Eur J Cancer 45, 2009) takes over as longest diameter and short axis, and TI-RADS
(Tessler et al., J Am Coll Radiol 14, 2017) as the greatest dimension and that at right angles to it:

- The outline runs along pixel corners, so that one pixel is 1 wide and its diagonal the square root of 2 long.
- Longest: the two points of the outline that are farthest apart.
- Perpendicular: the two points of the outline that are farthest apart among those on one line at right angles to the
  longest. Both ends are on the outline and one line joins them, as a caliper is set; the width of the shadow that
  the object throws, whose ends may lie on different lines, can be greater. Of equals that nearest to the middle.
- Neither asks what lies between the ends: a hole, a notch or the hollow of a crescent doesn't shorten them, so that
  single pixels don't make the number jump. Differs from Cornerstone3D's segmentation measure, which wants both
  lines inside the segment.
- Where pixels aren't square in millimetres, both are chosen in millimetres: the longest in pixels may be another.
- Of several parts that don't touch at a corner, the area counts all, the diameters are those of the part that encloses
  the most pixels: a speck on the other side doesn't make an object longer. `parts` says how many there are.
- An outline of more than `MAX_EDGES` (outline.py) has an area and no diameters: no lesion's is so ragged.

A person may set a diameter by hand: that line then stands in the place of the measured one, and says so.

Leaves out: where millimetres come from (components/formats), and how a measure is shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from components.findings.outline import MAX_EDGES, SAME_SHARE, Floats, Outline, antipodal_pairs, extents, trace
from components.formats import Region, Spacing, spacing_at
from components.formats.regions import NO_REGION, around
from components.masks import tight_box
from components.types import BoxXyxy, Mask

PointXy = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line between two points of an outline, in pixel-corner coordinates, the upper point first.

    `length_mm` is None where the image isn't calibrated. `by_hand` is true of a line that a person set.
    """

    from_xy: PointXy
    to_xy: PointXy
    length_px: float
    length_mm: float | None
    by_hand: bool = False

    def as_json(self) -> dict[str, Any]:
        """The line as the service and `sonoforge segment --json` give it; `by_hand` only where it is."""
        told = {"from": list(self.from_xy), "to": list(self.to_xy), "px": self.length_px, "mm": self.length_mm}
        return told | {"by_hand": True} if self.by_hand else told


@dataclass(frozen=True, slots=True)
class Measurements:
    """What was measured of one mask; `why` says why there are no millimetres, or no diameters of something outlined.

    An empty mask has no longest and no perpendicular diameter, and no parts; nor has one that is too ragged to be
    traced, whose parts aren't counted.
    """

    area_px: int
    area_mm2: float | None
    longest: Line | None
    perpendicular: Line | None
    parts: int
    spacing: Spacing | None
    why: str | None

    def as_json(self) -> dict[str, Any]:
        """The measurements as the service and `sonoforge segment --json` give them."""
        known = self.spacing
        return {
            "area_px": self.area_px,
            "area_mm2": self.area_mm2,
            "longest": None if self.longest is None else self.longest.as_json(),
            "perpendicular": None if self.perpendicular is None else self.perpendicular.as_json(),
            "parts": self.parts,
            "spacing": None if known is None else {"x_mm": known.x_mm, "y_mm": known.y_mm, "source": known.source},
            "why": self.why,
        }


EMPTY = "nothing is outlined"
TOO_RAGGED = f"its outline has more than {MAX_EDGES:,} edges, too many to measure diameters"


def measure(mask: Mask, spacing: Spacing | str = NO_REGION) -> Measurements:
    """Measure a mask (H W), in millimetres too where the size of its pixels is known.

    `spacing` is what `components.formats.spacing_at` answers: a scale, or in words why there is none. The module's
    docstring has the definitions. O(N log N) in the outline's length, after one pass over the pixels.
    """
    known = spacing if isinstance(spacing, Spacing) else None
    scale_xy = (1.0, 1.0) if known is None else (known.x_mm, known.y_mm)
    assert all(math.isfinite(each) and each > 0 for each in scale_xy), scale_xy
    area_px = int(np.count_nonzero(mask))
    outline = trace(mask)
    longest = perpendicular = None
    if outline is not None:
        longest = _longest(outline, scale_xy, calibrated=known is not None)
        perpendicular = _perpendicular(outline, longest, scale_xy, calibrated=known is not None)
    whys = [spacing] if isinstance(spacing, str) else []
    if area_px and outline is None:
        whys.append(TOO_RAGGED)
    return Measurements(
        area_px=area_px,
        area_mm2=None if known is None else area_px * known.x_mm * known.y_mm,
        longest=longest,
        perpendicular=perpendicular,
        parts=0 if outline is None else outline.parts,
        spacing=known,
        why="; ".join(whys) or None,
    )


def measure_on_frame(mask: Mask, regions: Sequence[Region], box_xyxy: BoxXyxy | None = None) -> Measurements:
    """Measure a mask (H W), in millimetres where its place on the frame has a scale.

    What decides is the smallest box around the mask and, where one was drawn around the object, that box `box_xyxy`:
    a mask may leave the box that asked for it (components.formats.spacing_at says when a box has a scale).
    """
    box = around(box_xyxy, tight_box(mask))
    return measure(mask, EMPTY if box is None else spacing_at(regions, box))


def with_lines(
    found: Measurements,
    *,
    longest: tuple[PointXy, PointXy] | None = None,
    perpendicular: tuple[PointXy, PointXy] | None = None,
) -> Measurements:
    """Measurements with the diameters that a person set, by their ends in pixel-corner coordinates.

    They are as long in millimetres as `found.spacing` makes them: ask `spacing_at` about where they lie first.
    """
    return replace(
        found,
        longest=found.longest if longest is None else _by_hand(longest, found.spacing),
        perpendicular=found.perpendicular if perpendicular is None else _by_hand(perpendicular, found.spacing),
    )


def _by_hand(ends: tuple[PointXy, PointXy], known: Spacing | None) -> Line:
    scale_xy = (1.0, 1.0) if known is None else (known.x_mm, known.y_mm)
    one, other = (np.array(end, dtype=np.float64) for end in ends)
    return replace(_line(one, other, scale_xy, calibrated=known is not None), by_hand=True)


def _longest(outline: Outline, scale_xy: tuple[float, float], *, calibrated: bool) -> Line:
    pairs = antipodal_pairs(outline.hull_xy)
    ends = outline.hull_xy[pairs]  # N 2 2: pair, end, x and y
    lengths = np.hypot(*((ends[:, 0] - ends[:, 1]) * np.array(scale_xy)).T)
    one, other = ends[int(lengths.argmax())].astype(np.float64)
    return _line(one, other, scale_xy, calibrated=calibrated)


def _perpendicular(outline: Outline, longest: Line, scale_xy: tuple[float, float], *, calibrated: bool) -> Line:
    scale = np.array(scale_xy)
    start, end = np.array(longest.from_xy) * scale, np.array(longest.to_xy) * scale
    dx, dy = (end - start).tolist()
    found = extents(outline, (dx, dy), scale_xy=scale_xy)
    width = found.high - found.low
    best = np.flatnonzero(width >= width.max() * (1 - SAME_SHARE))
    middle = ((start + end) / 2) @ (dx, dy)
    at = best[int(np.abs(found.along[best] - middle).argmin())]
    turned_back = np.array([[dx, dy], [-dy, dx]]) / (dx * dx + dy * dy)
    low = np.array([found.along[at], found.low[at]]) @ turned_back / scale
    high = np.array([found.along[at], found.high[at]]) @ turned_back / scale
    return _line(low, high, scale_xy, calibrated=calibrated)


def _line(one: Floats, other: Floats, scale_xy: tuple[float, float], *, calibrated: bool) -> Line:
    (x0, y0), (x1, y1) = sorted((one.tolist(), other.tolist()), key=lambda xy: (xy[1], xy[0]))
    length_mm = math.hypot((x1 - x0) * scale_xy[0], (y1 - y0) * scale_xy[1]) if calibrated else None
    return Line((x0, y0), (x1, y1), math.hypot(x1 - x0, y1 - y0), length_mm)
