"""One region must hold the whole box, and nothing that overlaps it may contradict it."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.formats import Region, Spacing, spacing_at
from components.formats.regions import DIFFERING, NO_REGION, OUTSIDE, around

LEFT = Region((0, 0, 50, 100), 0.1, 0.2, "DICOM ultrasound region 1")
RIGHT = Region((50, 0, 100, 100), 0.3, 0.3, "DICOM ultrasound region 2")
CURVE = Region((0, 100, 100, 150), None, None, "DICOM ultrasound region 3", "it isn't a two-dimensional picture")


def test_the_region_around_the_box_decides() -> None:
    assert spacing_at([LEFT, RIGHT, CURVE], (0, 0, 50, 100)) == Spacing(0.1, 0.2, "DICOM ultrasound region 1")
    assert spacing_at([LEFT, RIGHT, CURVE], (50, 10, 99.5, 20)) == Spacing(0.3, 0.3, "DICOM ultrasound region 2")


def test_what_lies_in_none_or_across_two_has_no_millimetres() -> None:
    assert spacing_at([], (0, 0, 1, 1)) == NO_REGION
    assert spacing_at([LEFT, RIGHT], (49, 0, 51, 10)) == OUTSIDE
    assert spacing_at([LEFT], (0, 0, 50.5, 10)) == OUTSIDE
    assert spacing_at([LEFT], (math.nan, 0, 10, 10)) == OUTSIDE


def test_a_region_without_a_scale_says_why() -> None:
    found = spacing_at([LEFT, CURVE], (10, 110, 20, 120))
    assert found == "DICOM ultrasound region 3: it isn't a two-dimensional picture"


def test_regions_over_each_other_must_agree() -> None:
    flow = Region((10, 10, 40, 40), 0.1, 0.2, "DICOM ultrasound region 2")
    assert spacing_at([LEFT, flow], (20, 20, 30, 30)) == Spacing(0.1, 0.2, LEFT.source)
    assert spacing_at([LEFT, Region((0, 0, 60, 60), 0.1, 0.21, "other")], (20, 20, 30, 30)) == DIFFERING
    assert isinstance(spacing_at([LEFT, Region((0, 0, 60, 60), None, None, "trace", "no")], (20, 20, 30, 30)), str)


def test_what_covers_part_of_the_box_must_agree_too() -> None:
    inset = Region((30, 30, 45, 45), 0.5, 0.5, "an inset")
    assert spacing_at([LEFT, inset], (20, 20, 31, 31)) == DIFFERING
    assert spacing_at([LEFT, inset], (10, 10, 49, 60)) == DIFFERING, "an inset within the box"
    assert spacing_at([inset, LEFT], (20, 20, 30, 60)) == Spacing(0.1, 0.2, LEFT.source), "they touch"
    flow = Region((10, 10, 40, 40), 0.1, 0.2, "colour flow")
    assert spacing_at([flow, LEFT], (20, 20, 50, 50)) == Spacing(0.1, 0.2, LEFT.source)
    curve = Region((0, 90, 50, 100), None, None, "ECG", "it shows neither tissue nor colour flow")
    assert spacing_at([LEFT, curve], (0, 80, 10, 91)) == "ECG: it shows neither tissue nor colour flow"
    assert isinstance(spacing_at([LEFT, curve], (0, 80, 10, 90)), Spacing)


def test_around_holds_all_boxes() -> None:
    assert around(None, None) is None
    assert around((3, 1, 5, 9), None, (2.5, 4, 4, 10)) == (2.5, 1, 5, 10)


SIDES = st.integers(0, 30)
SCALES = st.sampled_from([None, 0.1, 0.1 * (1 + 1e-6), 0.2])


@st.composite
def regions(draw: st.DrawFn) -> Region:
    """A small region of one of a few scales."""
    x0, y0 = draw(SIDES), draw(SIDES)
    scale = draw(SCALES)
    box = (x0, y0, x0 + draw(st.integers(1, 30)), y0 + draw(st.integers(1, 30)))
    return Region(box, scale, scale, "region", None if scale else "none")


def pixels(box: tuple[int, int, int, int]) -> np.ndarray:
    """A box as a mask (60 60)."""
    mask = np.zeros((60, 60), dtype=bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


@given(st.lists(regions(), max_size=4), SIDES, SIDES, st.integers(1, 20), st.integers(1, 20))
def test_millimetres_are_those_of_every_region_on_any_pixel_and_order_is_all_the_same(
    stated: list[Region], x0: int, y0: int, width: int, height: int
) -> None:
    box = (x0, y0, x0 + width, y0 + height)
    found, inside = spacing_at(stated, box), pixels(box)
    on_it = [region for region in stated if (pixels(region.box) & inside).any()]
    scales = {None if region.x_mm is None else round(region.x_mm, 3) for region in on_it}
    held = any(not (inside & ~pixels(region.box)).any() for region in on_it)
    assert isinstance(found, Spacing) == (held and len(scales) == 1 and None not in scales)
    if isinstance(found, Spacing):
        assert round(found.x_mm, 3) in scales
    assert isinstance(spacing_at(stated[::-1], box), Spacing) == isinstance(found, Spacing)
