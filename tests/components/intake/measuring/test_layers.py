"""Objects laid on one another: polygons by hand, the same as drawing whole frames, and little memory."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from components.intake.layouts import Instance, Polygon
from components.intake.measuring.layers import MAX_OBJECTS, Layers, Patch, drawn, filled
from components.masks import tight_box
from tests.components.intake.raw_trees import on_frame


def rasterise(polygon: Polygon, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    return on_frame(filled(polygon, size_hw), size_hw)


def test_a_square_covers_exactly_its_half_open_pixels() -> None:
    mask = rasterise(((2, 1), (6, 1), (6, 4), (2, 4)), (8, 10))
    expected = np.zeros((8, 10), dtype=bool)
    expected[1:4, 2:6] = True
    assert np.array_equal(mask, expected)


def test_a_triangle_by_hand() -> None:
    mask = rasterise(((0, 0), (4, 0), (0, 4)), (4, 4))
    assert mask.astype(int).tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_parts_outside_are_cut_off() -> None:
    inside = rasterise(((-5, -5), (3, -5), (3, 2), (-5, 2)), (6, 6))
    assert tight_box(inside) == (0, 0, 3, 2)
    assert not rasterise(((90, 90), (95, 90), (95, 95)), (6, 6)).any()
    right = rasterise(((4, 1), (50, 1), (50, 50), (4, 50)), (6, 6))
    assert tight_box(right) == (4, 1, 6, 6)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), min_size=3, max_size=8, unique=True))
def test_the_filled_area_is_the_polygons_area_for_convex_outlines(points: list[tuple[int, int]]) -> None:
    hull = cv2.convexHull(np.array(points, dtype=np.int32))[:, 0].tolist()
    area = float(cv2.contourArea(np.array(hull, dtype=np.int32)))
    outline = float(cv2.arcLength(np.array(hull, dtype=np.int32), closed=True))
    filled = int(rasterise(tuple((x, y) for x, y in hull), (30, 40)).sum())
    assert abs(filled - area) <= outline / 2 + 1


def whole_frames(patches: list[Patch], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Whole frames, the largest first, painted over one another and numbered without gaps: the plain way."""
    frame = np.zeros(size_hw, np.uint8)
    for index, patch in enumerate(sorted(patches, key=lambda one: -one.area_px), 1):
        frame[on_frame(patch, size_hw)] = index
    return np.searchsorted(np.unique([0, *frame.ravel()]), frame).astype(np.uint8)


rectangles = st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 9), st.integers(1, 9))


@given(st.lists(rectangles, max_size=8))
def test_layers_are_whole_frames_painted_over_one_another(boxes: list[tuple[int, int, int, int]]) -> None:
    size_hw = (17, 17)
    patches = [Patch(top, left, np.ones((high, wide), bool)) for top, left, high, wide in boxes]
    layers = Layers(size_hw, min_area_px=3)
    for number, patch in enumerate(patches):
        layers.add(f"label {number}", patch)
    instances, objects, found = layers.result()
    large = [patch for patch in patches if patch.area_px >= 3]
    assert np.array_equal(instances, whole_frames(large, size_hw))
    assert (layers.specks, found) == (len(patches) - len(large), len(objects))
    for truth in objects:
        mine = instances == truth.index
        assert (truth.box_xyxy, truth.area_px) == (tight_box(mine), int(mine.sum()))
        assert patches[int(truth.label.split()[1])].area_px >= truth.area_px


def test_several_rings_make_one_patch() -> None:
    outer, inner, away = [0, 0, 10, 0, 10, 10, 0, 10], [2, 2, 6, 2, 6, 6, 2, 6], [12, 14, 15, 14, 15, 16, 12, 16]
    rings = tuple(tuple(map(float, ring)) for ring in (outer, inner, away))
    united = on_frame(drawn(Instance(1, (20, 20), rings=rings)), (20, 20))
    holed = on_frame(drawn(Instance(1, (20, 20), rings=rings, even_odd=True)), (20, 20))
    assert (int(united.sum()), int(holed.sum())) == (106, 90)
    assert united[3, 3] and not holed[3, 3] and holed[15, 13]


@pytest.mark.parametrize("side_px", [500])
def test_many_objects_as_large_as_the_frame_take_the_memory_of_a_few(side_px: int) -> None:
    square = ((0.0, 0.0), (side_px, 0.0), (side_px, side_px), (0.0, float(side_px)))
    tracemalloc.start()
    layers = Layers((side_px, side_px), min_area_px=1)
    for _ in range(MAX_OBJECTS + 1):
        layers.add("a", filled(square, (side_px, side_px)))
    assert layers.full
    instances, objects, found = layers.result()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found, len(objects), int(instances.max())) == (MAX_OBJECTS + 1, 1, 1)
    assert peak < 24 * side_px**2  # bytes; a frame an object would be 256
