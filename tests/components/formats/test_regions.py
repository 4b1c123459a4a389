"""The region that holds the whole box decides, and nothing where two contradict each other."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from components.formats import Region, Spacing, spacing_at
from components.formats.regions import DIFFERING, NO_REGION, OUTSIDE

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


SIDES = st.integers(0, 30)
SCALES = st.sampled_from([None, 0.1, 0.1 * (1 + 1e-6), 0.2])


@st.composite
def regions(draw: st.DrawFn) -> Region:
    """A small region of one of a few scales."""
    x0, y0 = draw(SIDES), draw(SIDES)
    scale = draw(SCALES)
    box = (x0, y0, x0 + draw(st.integers(1, 30)), y0 + draw(st.integers(1, 30)))
    return Region(box, scale, scale, "region", None if scale else "none")


@given(st.lists(regions(), max_size=5), SIDES, SIDES, st.integers(0, 20), st.integers(0, 20))
def test_millimetres_are_those_of_every_region_around_and_order_is_all_the_same(
    around: list[Region], x0: int, y0: int, width: int, height: int
) -> None:
    box = (x0, y0, x0 + width, y0 + height)
    found = spacing_at(around, box)
    holding = [
        region
        for region in around
        if all(low <= value for low, value in zip(region.box[:2], box[:2], strict=True))
        and all(value <= high for high, value in zip(region.box[2:], box[2:], strict=True))
    ]
    if isinstance(found, Spacing):
        assert holding
        assert all(region.x_mm is not None and abs(region.x_mm - found.x_mm) < 1e-4 for region in holding)
    else:
        scales = {None if region.x_mm is None else round(region.x_mm, 3) for region in holding}
        assert len(scales) != 1 or scales == {None}
    other = spacing_at(around[::-1], box)
    assert isinstance(other, Spacing) == isinstance(found, Spacing)
