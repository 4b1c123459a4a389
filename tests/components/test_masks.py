"""Masks go out and come back unchanged, and polygons enclose exactly the mask's pixels."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from components.errors import PromptError
from components.masks import decode_checked, from_rle, overlap, tight_box, to_polygons, to_rle
from components.types import Mask

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def even_odd(rings: list[list[float]], size_hw: tuple[int, int]) -> Mask:
    """Fill rings by counting the vertical edges to the left of each pixel's centre: independent of OpenCV."""
    crossings = np.zeros(size_hw, dtype=np.int64)
    columns = np.arange(size_hw[1]) + 0.5
    for ring in rings:
        points = np.array(ring).reshape(-1, 2)
        for (xa, ya), (xb, yb) in zip(points, np.roll(points, -1, axis=0), strict=True):
            assert xa == xb or ya == yb, "polygons run along pixel sides"
            if xa == xb:
                crossings[int(min(ya, yb)) : int(max(ya, yb))] += columns > xa
    return crossings % 2 == 1


@given(masks)
def test_run_lengths_come_back_unchanged(mask: Mask) -> None:
    rle = to_rle(mask)
    assert rle["size"] == list(mask.shape)
    assert rle["counts"].isascii()
    np.testing.assert_array_equal(from_rle(rle), mask)


@given(masks)
def test_polygons_filled_by_the_even_odd_rule_are_the_mask(mask: Mask) -> None:
    np.testing.assert_array_equal(even_odd(to_polygons(mask), mask.shape), mask)


@given(masks)
def test_polygons_have_no_needless_points(mask: Mask) -> None:
    for ring in to_polygons(mask):
        points = np.array(ring).reshape(-1, 2)
        assert len(points) >= 4
        steps = np.diff(np.vstack([points, points[:1]]), axis=0)
        np.testing.assert_array_equal((steps[:, 0] == 0), np.roll(steps[:, 0] != 0, 1))


@given(masks)
def test_the_tight_box_holds_the_mask_and_nothing_less(mask: Mask) -> None:
    box = tight_box(mask)
    if box is None:
        assert not mask.any()
        return
    x0, y0, x1, y1 = box
    inside = mask[y0:y1, x0:x1]
    assert inside.sum() == mask.sum()
    assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


def test_one_pixel_is_a_unit_square_at_its_corners() -> None:
    mask = np.zeros((3, 5), dtype=bool)
    mask[1, 2] = True
    (ring,) = to_polygons(mask)
    assert {tuple(point) for point in np.array(ring).reshape(-1, 2)} == {(2, 1), (3, 1), (3, 2), (2, 2)}


def test_a_hole_is_a_ring_of_its_own() -> None:
    mask = np.ones((5, 5), dtype=bool)
    mask[2, 2] = False
    assert len(to_polygons(mask)) == 2


def test_an_empty_mask_has_no_polygon_and_no_box() -> None:
    mask = np.zeros((4, 4), dtype=bool)
    assert to_polygons(mask) == [] and tight_box(mask) is None
    assert not from_rle(to_rle(mask)).any()


def test_run_lengths_are_those_of_the_coco_format() -> None:
    # Worked out by hand: columns first: 2 background, 2 object, 2 background, as 6-bit characters from 48.
    mask = np.array([[0, 1, 0], [0, 1, 0]], dtype=bool)
    assert to_rle(mask)["counts"] == "222"


@given(masks)
def test_run_lengths_from_outside_are_read_as_pycocotools_reads_them(mask: Mask) -> None:
    found = decode_checked(to_rle(mask), (mask.shape[0], mask.shape[1]))
    assert found.dtype == np.bool_ and found.flags.c_contiguous
    np.testing.assert_array_equal(found, mask)


def test_long_runs_and_their_differences_come_back() -> None:
    mask = np.zeros((3000, 1200), dtype=bool)
    mask[5:2900:7, 100:1100] = True
    mask[:, 1100:] = True
    np.testing.assert_array_equal(decode_checked(to_rle(mask), (3000, 1200)), mask)


SIZE = (6, 7)
GOOD = to_rle(np.eye(*SIZE, dtype=bool))["counts"]


@pytest.mark.parametrize(
    ("size", "counts"),
    [
        ([7, 6], GOOD),
        ([6, 7, 1], GOOD),
        ("67", GOOD),
        (None, GOOD),
        (list(SIZE), ""),
        (list(SIZE), None),
        (list(SIZE), b"abc"),
        (list(SIZE), GOOD[:-1]),
        (list(SIZE), GOOD + "0" + "1"),
        (list(SIZE), GOOD + "P"),  # more is said to follow
        (list(SIZE), GOOD + " "),
        (list(SIZE), GOOD + "p"),
        (list(SIZE), GOOD + "\u00e9"),
        (list(SIZE), "oooooooooooO"),  # a number of 60 bits
        (list(SIZE), "ooooooO"),  # -1
        (list(SIZE), "0" * 100_000),
        (list(SIZE), "ooooo_" * 10_000),
    ],
)
def test_what_is_not_a_mask_of_the_image_is_refused(size: object, counts: object) -> None:
    with pytest.raises(PromptError):
        decode_checked({"size": size, "counts": counts}, SIZE)


@settings(max_examples=100)
@example("Z1")
@example("Z100")
@example(":d0<")
@given(st.one_of(st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=40), st.text(max_size=12)))
def test_any_text_is_a_mask_of_exactly_these_pixels_or_refused(counts: str) -> None:
    """Where it is taken, pycocotools, which can be asked then, says the same."""
    try:
        mask = decode_checked({"size": SIZE, "counts": counts}, SIZE)
    except PromptError:
        return
    assert mask.shape == SIZE
    np.testing.assert_array_equal(mask, from_rle({"size": list(SIZE), "counts": counts}))


@settings(max_examples=100)
@given(masks, st.randoms(use_true_random=False))
def test_a_damaged_mask_is_refused_or_still_one_of_its_size(mask: Mask, random: Random) -> None:
    counts = list(to_rle(mask)["counts"])
    counts[random.randrange(len(counts))] = chr(random.randrange(40, 120))
    try:
        assert decode_checked({"size": mask.shape, "counts": "".join(counts)}, mask.shape).shape == mask.shape
    except PromptError as error:
        assert error.remedy


def test_overlap_by_hand() -> None:
    one, other = np.zeros((4, 5), dtype=bool), np.zeros((4, 5), dtype=bool)
    empty = overlap(one, other)
    assert (empty.dice, empty.iou, empty.union_px, empty.image_px) == (None, None, 0, 20)
    one[0, :4], other[0, 1:5] = True, True
    found = overlap(one, other)
    assert (found.common_px, found.union_px, found.dice, found.iou) == (3, 5, 6 / 8, 3 / 5)
    with pytest.raises(ValueError, match="masks of"):
        overlap(one, other[:3])
