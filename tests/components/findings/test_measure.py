"""Tests of measurements: worked out by hand, and against trying everything."""

from __future__ import annotations

import math
import time
import timeit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist

from components.findings.measure import EMPTY, TOO_RAGGED, Line, Measurements, measure, measure_on_frame, with_lines
from components.formats import Region, Spacing
from components.formats.regions import DIFFERING, NO_REGION, OUTSIDE
from components.types import Mask


def scale(x_mm: float, y_mm: float, source: str = "worked out by hand") -> Spacing:
    """Millimetres a pixel, as a file states them."""
    return Spacing(x_mm, y_mm, source)


def drawn(*rows: str) -> Mask:
    """A mask from lines of text: # is the object."""
    return np.array([[each == "#" for each in row] for row in rows])


def lines(found: Measurements) -> tuple[Line, Line]:
    assert found.longest is not None and found.perpendicular is not None
    return found.longest, found.perpendicular


def test_one_pixel_is_as_long_as_its_diagonal() -> None:
    found = measure(drawn("..", ".#"))
    longest, perpendicular = lines(found)
    assert (found.area_px, found.area_mm2, found.parts) == (1, None, 1)
    assert longest.length_px == perpendicular.length_px == math.sqrt(2)
    assert {longest.from_xy, longest.to_xy, perpendicular.from_xy, perpendicular.to_xy} == {
        (1, 1),
        (2, 2),
        (1, 2),
        (2, 1),
    }
    assert longest.length_mm is None
    assert found.why == NO_REGION


def test_a_rod_of_three_pixels() -> None:
    longest, perpendicular = lines(measure(drawn("###")))
    assert (longest.from_xy, longest.to_xy) in (((0, 0), (3, 1)), ((3, 0), (0, 1)))
    assert longest.length_px == pytest.approx(math.sqrt(10))
    # Through the corner, at right angles to (3, 1): down by 1 and across by 1/3.
    assert perpendicular.length_px == pytest.approx(math.sqrt(10) / 3)


def test_a_cross_is_measured_tip_to_tip() -> None:
    longest, perpendicular = lines(measure(drawn("..#..", "..#..", "#####", "..#..", "..#..")))
    assert longest.length_px == perpendicular.length_px == pytest.approx(math.sqrt(26))


def test_the_perpendicular_joins_two_points_of_one_line() -> None:
    # Two squares side by side, one a step further down: the shadow is wider than any one line across it.
    mask = drawn("###....", "###....", "...####", "...####")
    longest, perpendicular = lines(measure(mask))
    assert (longest.from_xy, longest.to_xy) == ((0, 0), (7, 4))
    along = np.subtract(longest.to_xy, longest.from_xy)
    across = np.subtract(perpendicular.to_xy, perpendicular.from_xy)
    assert along @ across == pytest.approx(0)
    corners = np.array([(3, 0), (0, 2), (7, 2), (3, 4)])
    shadow_px = np.ptp(corners @ np.array([-along[1], along[0]])) / longest.length_px
    assert perpendicular.length_px < shadow_px


def test_a_hollow_and_a_hole_shorten_nothing() -> None:
    full = measure(drawn(*["#" * 9] * 5))
    hollow = measure(drawn("#########", "##.....##", "##.....##", "##.....##", "#########"))
    notched = measure(drawn("#########", "#########", "####.####", "#########", "#########"))
    assert lines(full) == lines(hollow) == lines(notched)
    assert (full.area_px, hollow.area_px, notched.area_px) == (45, 30, 44)


def test_millimetres_choose_where_pixels_are_not_square() -> None:
    mask = drawn("######", "######", "######", "######", "#.....", "#.....")
    in_px = measure(mask)
    in_mm = measure(mask, scale(0.1, 0.4))
    longest, perpendicular = lines(in_mm)
    assert lines(in_px)[0].length_px == pytest.approx(math.hypot(6, 6))
    assert (longest.from_xy, longest.to_xy) == ((6, 0), (0, 6))
    assert longest.length_mm == pytest.approx(math.hypot(0.6, 2.4))
    along, across = ((np.subtract(each.to_xy, each.from_xy) * (0.1, 0.4)) for each in (longest, perpendicular))
    assert along @ across == pytest.approx(0)
    assert perpendicular.length_mm == pytest.approx(np.linalg.norm(across))
    assert in_mm.area_mm2 == pytest.approx(26 * 0.04)
    assert in_mm.why is None


def test_the_longest_may_be_another_in_millimetres() -> None:
    tee = drawn("#######", "...#...", "...#...", "...#...", "...#...")
    in_px, wide, tall = (lines(measure(tee, each))[0] for each in (NO_REGION, scale(1, 0.1), scale(0.1, 1)))
    assert {in_px.from_xy[1], in_px.to_xy[1]} == {wide.from_xy[1], wide.to_xy[1]} == {0, 1}
    assert wide.length_mm == pytest.approx(math.hypot(7, 0.1))
    assert (tall.from_xy[1], tall.to_xy[1]) == (0, 5)
    assert tall.length_mm == pytest.approx(math.hypot(0.4, 5))


def test_of_several_parts_the_largest_has_the_diameters_and_all_have_the_area() -> None:
    alone = drawn("####......", "####......", "####......", "..........")
    with_specks = alone | drawn("..........", ".........#", "..........", ".......#..")
    found = measure(with_specks, scale(0.5, 0.5))
    assert (found.parts, found.area_px, found.area_mm2) == (3, 14, 3.5)
    assert lines(found) == lines(measure(alone, scale(0.5, 0.5)))


def test_parts_that_touch_at_a_corner_are_one_and_an_island_in_a_hole_is_none() -> None:
    assert measure(drawn("##..", "##..", "..##")).parts == 1
    assert measure(drawn("#####", "#...#", "#.#.#", "#...#", "#####")).parts == 1


def test_an_empty_mask_has_an_area_and_no_diameters() -> None:
    found = measure(np.zeros((4, 5), dtype=bool), scale(0.1, 0.1))
    assert (found.area_px, found.area_mm2, found.longest, found.perpendicular, found.parts) == (0, 0.0, None, None, 0)


def test_as_json_is_what_the_interface_promises() -> None:
    told = measure(drawn("##", ".#"), scale(0.5, 0.25, "DICOM ultrasound region 1")).as_json()
    assert set(told) == {"area_px", "area_mm2", "longest", "perpendicular", "parts", "spacing", "why"}
    assert told["longest"] == {
        "from": [0, 0],
        "to": [2, 2],
        "px": pytest.approx(math.sqrt(8)),
        "mm": pytest.approx(math.hypot(1, 0.5)),
    }
    assert told["spacing"] == {"x_mm": 0.5, "y_mm": 0.25, "source": "DICOM ultrasound region 1"}
    assert measure(drawn("##"), "the box lies in two regions").as_json()["why"] == "the box lies in two regions"


def test_the_region_that_holds_the_box_decides() -> None:
    left, right = Region((0, 0, 10, 8), 0.5, 0.5, "left"), Region((10, 0, 20, 8), 0.25, 0.25, "right")
    mask = np.zeros((8, 20), dtype=bool)
    mask[2:4, 12:16] = True
    found = measure_on_frame(mask, [left, right])
    assert (found.area_mm2, found.spacing) == (0.5, Spacing(0.25, 0.25, "right"))
    across = measure_on_frame(mask, [left, right], (8, 0, 18, 8))
    assert (across.area_mm2, across.why) == (None, OUTSIDE)
    assert measure_on_frame(mask, []).why == NO_REGION
    assert measure_on_frame(np.zeros_like(mask), [left]).why == EMPTY


def test_a_mask_that_leaves_its_box_is_held_against_the_regions_too() -> None:
    left, right = Region((0, 0, 300, 400), 0.1, 0.1, "left"), Region((300, 0, 600, 400), 0.3, 0.3, "right")
    mask = np.zeros((400, 600), dtype=bool)
    mask[100:200, 200:400] = True
    over = measure_on_frame(mask, [left, right], (200, 100, 300, 200))
    assert (over.spacing, over.area_mm2, over.why) == (None, None, OUTSIDE)
    tissue = Region((0, 0, 600, 400), 0.1, 0.1, "tissue")
    for inset in ((250, 120, 350, 180), (300, 100, 500, 300)):
        found = measure_on_frame(mask, [tissue, Region(inset, 0.5, 0.5, "inset")], (200, 100, 400, 200))
        assert (found.spacing, found.why) == (None, DIFFERING)


places = st.integers(0, 12)


@st.composite
def a_region(draw: st.DrawFn) -> Region:
    """A region within 12 x 12 pixels, or a little beyond, of one of three scales."""
    x0, y0 = draw(places), draw(places)
    side_mm = draw(st.sampled_from([0.1, 0.2, None]))
    box = (x0, y0, x0 + draw(st.integers(1, 14)), y0 + draw(st.integers(1, 14)))
    return Region(box, side_mm, side_mm, "region", None if side_mm else "not a picture of space")


@st.composite
def a_box(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """A box within 12 x 12 pixels."""
    x0, y0 = draw(st.integers(0, 10)), draw(st.integers(0, 10))
    return x0, y0, draw(st.integers(x0 + 1, 12)), draw(st.integers(y0 + 1, 12))


@settings(max_examples=300)
@given(st.lists(a_region(), min_size=1, max_size=2), a_box(), st.none() | a_box(), st.booleans())
def test_no_pixel_that_counts_in_millimetres_lies_in_another_scale(
    stated: list[Region],
    outlined: tuple[int, int, int, int],
    box: tuple[int, int, int, int] | None,
    whole: bool,
) -> None:
    mask = np.zeros((12, 12), dtype=bool)
    mask[outlined[1] : outlined[3], outlined[0] : outlined[2]] = True
    if whole:  # a picture as large as the frame, with another over it
        stated = [Region((0, 0, 12, 12), 0.1, 0.1, "picture"), *stated]
    found = measure_on_frame(mask, stated, box)
    if found.spacing is None:
        return
    for y, x in np.argwhere(mask):
        over = [each.x_mm for each in stated if each.box[0] <= x < each.box[2] and each.box[1] <= y < each.box[3]]
        assert over and set(over) == {found.spacing.x_mm}


def test_an_outline_too_ragged_has_an_area_and_says_why_no_diameters() -> None:
    comb = np.zeros((3000, 3000), dtype=bool)
    comb[:, ::2] = comb[-1] = True  # a few kilobytes of run lengths, nine million edges
    start = time.process_time()
    found = measure(comb, scale(0.1, 0.1))
    assert time.process_time() - start < 2
    assert found.area_mm2 == pytest.approx(comb.sum() * 0.01)
    assert (found.longest, found.perpendicular, found.parts, found.why) == (None, None, 0, TOO_RAGGED)
    assert measure(comb).why == f"{NO_REGION}; {TOO_RAGGED}"


def test_a_diameter_set_by_hand_stands_in_the_place_of_the_measured_one() -> None:
    found = measure(drawn("####", "####"), scale(0.5, 0.25))
    moved = with_lines(found, longest=((4, 2), (1, 0)))
    assert moved.longest == Line((1, 0), (4, 2), math.hypot(3, 2), math.hypot(1.5, 0.5), by_hand=True)
    assert (moved.perpendicular, moved.area_mm2) == (found.perpendicular, found.area_mm2)
    assert moved.as_json()["longest"]["by_hand"] is True and "by_hand" not in moved.as_json()["perpendicular"]
    in_px = with_lines(measure(drawn("####")), perpendicular=((0, 0), (0, 1)))
    assert in_px.perpendicular == Line((0, 0), (0, 1), 1.0, None, by_hand=True)


masks = arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))
sides_mm = st.sampled_from([1.0, 0.1, 0.2, 0.3, 0.07, 2.5])


@settings(max_examples=60)
@given(masks, sides_mm, sides_mm)
def test_trying_everything_finds_nothing_longer(mask: Mask, x_mm: float, y_mm: float) -> None:
    found = measure(mask, scale(x_mm, y_mm))
    if found.parts != 1:
        return
    longest, perpendicular = lines(found)
    corners = every_corner(mask) * (x_mm, y_mm)
    assert longest.length_mm == pytest.approx(pdist(corners).max())
    expected = longest_across(mask, np.subtract(longest.to_xy, longest.from_xy) * (x_mm, y_mm), (x_mm, y_mm))
    assert perpendicular.length_mm == pytest.approx(expected, abs=1e-6)


@settings(max_examples=40)
@given(masks, sides_mm)
def test_a_turned_object_keeps_its_size(mask: Mask, side_mm: float) -> None:
    one, turned = measure(mask, scale(side_mm, 1.0)), measure(np.rot90(mask), scale(1.0, side_mm))
    assert (one.area_px, one.parts) == (turned.area_px, turned.parts)
    if one.parts == 1:
        assert lines(one)[0].length_mm == pytest.approx(lines(turned)[0].length_mm)


@settings(max_examples=40)
@given(masks)
def test_both_ends_lie_on_the_outline(mask: Mask) -> None:
    found = measure(mask)
    padded = np.pad(mask, 1)
    for line in (found.longest, found.perpendicular):
        for x, y in () if line is None else (line.from_xy, line.to_xy):
            columns, rows = ({math.floor(at - 1e-7), math.floor(at + 1e-7)} for at in (x, y))
            around = [bool(padded[row + 1, column + 1]) for row in rows for column in columns]
            assert any(around) and not all(around)


def every_corner(mask: Mask) -> np.ndarray:
    """All corners of all pixels of a mask (N 2)."""
    rows, columns = np.nonzero(mask)
    return np.unique(np.concatenate([np.stack([columns + x, rows + y], 1) for x in (0, 1) for y in (0, 1)]), axis=0)


def longest_across(mask: Mask, along: np.ndarray, scale_mm: tuple[float, float]) -> float:
    """The greatest distance of two of a mask's points on a line across a direction, through each corner in turn."""
    low_xy = np.argwhere(mask)[:, ::-1]
    across = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    best = 0.0
    for corner in every_corner(mask) * scale_mm:
        with np.errstate(divide="ignore", invalid="ignore"):
            enter = ((low_xy * scale_mm - 1e-9) - corner) / across
            leave = (((low_xy + 1) * scale_mm + 1e-9) - corner) / across
        first, last = np.fmin(enter, leave).max(axis=1), np.fmax(enter, leave).min(axis=1)
        hit = first <= last
        best = max(best, last[hit].max() - first[hit].min())
    return best


def test_a_large_object_takes_a_small_part_of_what_all_pairs_take() -> None:
    rows, columns = np.mgrid[:1024, :1024]
    mask = ((columns - 500) / 460) ** 2 + ((rows - 520) / 420) ** 2 < 1
    edge = mask & ~(np.roll(mask, 1, 0) & np.roll(mask, -1, 0) & np.roll(mask, 1, 1) & np.roll(mask, -1, 1))
    corners = every_corner(edge).astype(float)
    assert lines(measure(mask))[0].length_px == pytest.approx(pdist(corners).max())
    # What a process itself spends: beside other tests the clock tells of them.
    ours_s, all_pairs_s = (
        min(timeit.repeat(what, timer=time.process_time, number=1, repeat=3))
        for what in (lambda: measure(mask), lambda: pdist(corners).max())
    )
    assert ours_s < all_pairs_s / 4
