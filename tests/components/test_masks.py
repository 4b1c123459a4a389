"""Masks go out and come back unchanged, and polygons enclose exactly the mask's pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis.extra import numpy as hnp

from components.masks import from_rle, tight_box, to_polygons, to_rle
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
