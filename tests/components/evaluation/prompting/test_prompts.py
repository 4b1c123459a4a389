"""Prompts drawn from truth masks."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluation.prompting.prompts import (
    CORRECTIVE,
    OF_IMAGE,
    SHIFT_AND_SCALE,
    central_click,
    draw_prompts,
    empty_box,
    exact_box,
    jitter_box,
    loose_box,
    negative_click,
    random_click,
    shift_and_scale_box,
    truth_of,
)
from components.params import PromptKind
from components.types import BoxXyxy, Mask, ObjectTruth, Record


def disc(size_hw: tuple[int, int], *, centre_xy: tuple[float, float], radius_px: float) -> Mask:
    y, x = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    return np.asarray((x - centre_xy[0]) ** 2 + (y - centre_xy[1]) ** 2 <= radius_px**2)


def record(*objects: ObjectTruth, image_id: str = "one") -> Record:
    return Record(
        dataset="busi",
        image_id=image_id,
        group="g",
        role="internal",
        image_path=Path("i.png"),
        mask_path=Path("m.png"),
        height_px=40,
        width_px=60,
        pixels_md5="0",
        phantom=True,
        objects=objects,
    )


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    mask = np.random.default_rng(draw(st.integers(0, 2**32))).random((height, width)) < draw(st.floats(0.02, 1))
    mask[draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = True
    return mask


def test_the_box_of_one_pixel_is_half_open() -> None:
    mask = np.zeros((4, 5), dtype=bool)
    mask[2, 3] = True
    assert exact_box(mask) == (3, 2, 4, 3)


def test_an_empty_mask_has_neither_box_nor_click() -> None:
    empty = np.zeros((4, 5), dtype=bool)
    for draw in (exact_box, central_click):
        with pytest.raises(ValueError, match="empty mask"):
            draw(empty)


def test_the_central_click_of_a_disc_is_its_centre() -> None:
    click = central_click(disc((40, 60), centre_xy=(30.5, 20.5), radius_px=9))
    assert (click.x, click.y, click.positive) == (30.5, 20.5, True)


def test_the_central_click_of_a_bar_is_in_its_middle_and_the_edge_of_the_image_is_a_border() -> None:
    bar = np.zeros((9, 20), dtype=bool)
    bar[:3] = True
    click = central_click(bar)
    assert click.y == 1.5
    assert 9 <= click.x <= 11


def test_the_central_click_of_a_crescent_is_on_it() -> None:
    ring = disc((40, 60), centre_xy=(30, 20), radius_px=15) & ~disc((40, 60), centre_xy=(30, 17), radius_px=13)
    click = central_click(ring)
    assert ring[int(click.y), int(click.x)]
    assert click.y > 30  # the crescent's thick end lies below


@given(masks(), st.integers(0, 2**32))
def test_clicks_are_where_they_say(mask: Mask, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for click in (central_click(mask), random_click(mask, rng=rng)):
        assert click.positive
        assert mask[int(click.y), int(click.x)]
    beside = negative_click(mask, rng=rng)
    if beside is not None:
        assert not beside.positive
        assert not mask[int(beside.y), int(beside.x)]


def test_a_full_mask_leaves_no_place_for_a_negative_click() -> None:
    assert negative_click(np.ones((5, 5), dtype=bool), rng=np.random.default_rng(0)) is None


def test_random_clicks_reach_every_pixel() -> None:
    mask = np.zeros((6, 6), dtype=bool)
    mask[1:3, 2:5] = True
    rng = np.random.default_rng(1)
    hits = {(int(c.y), int(c.x)) for c in (random_click(mask, rng=rng) for _ in range(300))}
    assert hits == set(zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True))


@given(
    st.integers(1, 60),
    st.integers(1, 40),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 2**32),
)
def test_a_jittered_box_lies_in_the_image_and_is_never_empty(
    width: int, height: int, left: float, top: float, fraction: float, seed: int
) -> None:
    x0, y0 = round(left * (60 - width)), round(top * (40 - height))
    box = (float(x0), float(y0), float(x0 + width), float(y0 + height))
    moved = jitter_box(box, fraction=fraction, rng=np.random.default_rng(seed), size_hw=(40, 60))
    assert 0 <= moved[0] <= moved[2] - 1 + 1e-9
    assert 0 <= moved[1] <= moved[3] - 1 + 1e-9
    assert moved[2] <= 60
    assert moved[3] <= 40
    if fraction <= 0.5 and min(width, height) >= 4:
        reach = np.array([width, height, width, height]) * fraction + 1
        assert np.all(np.abs(np.subtract(moved, box)) <= reach)


def test_jitter_is_uniform_over_the_stated_share() -> None:
    rng = np.random.default_rng(3)
    box = (100.0, 100.0, 200.0, 150.0)
    moves = np.array([jitter_box(box, fraction=0.1, rng=rng, size_hw=(300, 300)) for _ in range(4000)]) - box
    assert np.allclose(np.abs(moves).max(axis=0), [10, 5, 10, 5], rtol=0.02)
    assert np.allclose(moves.mean(axis=0), 0, atol=0.3)
    assert np.allclose(moves.std(axis=0), np.array([10, 5, 10, 5]) / np.sqrt(3), rtol=0.05)


def test_prompts_are_drawn_in_order_and_specks_get_none() -> None:
    instances = np.zeros((40, 60), dtype=np.uint8)
    instances[5:15, 5:25] = 1
    instances[30, 50:52] = 2
    instances[20:30, 30:40] = 3
    truth = tuple(ObjectTruth(k, "lesion", (0, 0, 1, 1), 1) for k in (1, 2, 3))
    drawn = draw_prompts(
        record(*truth), instances, kinds=("box", "click", "box_click"), jitter=0.1, seed=4, min_area_px=25
    )
    assert [(d.object_index, d.kind) for d in drawn] == [
        (index, kind) for index in (1, 3) for kind in ("box", "click", "box_click")
    ]
    assert drawn[0].prompt.box_xyxy == (5, 5, 25, 15)
    assert drawn[1].prompt.box_xyxy is None
    assert drawn[2].prompt.points == drawn[1].prompt.points


def test_a_prompt_depends_on_its_object_and_seed_alone() -> None:
    instances = np.zeros((40, 60), dtype=np.uint8)
    instances[5:15, 5:25] = 1
    instances[20:30, 30:40] = 2
    one, two = ObjectTruth(1, "lesion", (5, 5, 25, 15), 200), ObjectTruth(2, "lesion", (30, 20, 40, 30), 100)

    def jittered(
        *things: ObjectTruth, seed: int = 4, image_id: str = "one", kinds: tuple[PromptKind, ...] = ("box_jitter",)
    ) -> dict[tuple[int, str], BoxXyxy | None]:
        drawn = draw_prompts(
            record(*things, image_id=image_id), instances, kinds=kinds, jitter=0.1, seed=seed, min_area_px=1
        )
        return {(d.object_index, d.kind): d.prompt.box_xyxy for d in drawn}

    alone = jittered(two)
    assert jittered(one, two)[2, "box_jitter"] == alone[2, "box_jitter"]
    assert jittered(one, two, kinds=("click", "box_click", "box_jitter"))[2, "box_jitter"] == alone[2, "box_jitter"]
    assert jittered(two, seed=5) != alone
    assert jittered(two, image_id="other") != alone


def test_a_prompt_is_the_same_in_another_process(root: Path) -> None:
    code = (
        "import numpy as np; from pathlib import Path; from components.types import ObjectTruth, Record;"
        "from components.evaluation.prompting.prompts import draw_prompts;"
        "m = np.zeros((40, 60), np.uint8); m[5:15, 5:25] = 1;"
        "r = Record('busi', 'one', 'g', 'internal', Path('i'), Path('m'), 40, 60, '0', True,"
        " (ObjectTruth(1, 'lesion', (5, 5, 25, 15), 200),));"
        "d = draw_prompts(r, m, kinds=('box_jitter',), jitter=.1, seed=4, min_area_px=1)[0].prompt.box_xyxy;"
        "print(','.join(v.hex() for v in d))"
    )
    outs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outs) == 1


ALL_KINDS: tuple[PromptKind, ...] = tuple(kind for union in get_args(PromptKind) for kind in get_args(union))


@st.composite
def boxes(draw: st.DrawFn) -> BoxXyxy:
    """A box of whole pixels in an image of 40 x 60."""
    x0, y0 = draw(st.integers(0, 59)), draw(st.integers(0, 39))
    return float(x0), float(y0), float(draw(st.integers(x0 + 1, 60))), float(draw(st.integers(y0 + 1, 40)))


def assert_in_image(box: BoxXyxy) -> None:
    assert 0 <= box[0] <= box[2] - 1 + 1e-9
    assert 0 <= box[1] <= box[3] - 1 + 1e-9
    assert box[2] <= 60
    assert box[3] <= 40


@given(boxes(), st.floats(0, 1), st.integers(0, 2**32))
def test_a_box_moved_and_scaled_lies_in_the_image_and_isnt_empty(box: BoxXyxy, fraction: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert_in_image(shift_and_scale_box(box, fraction=fraction, rng=rng, size_hw=(40, 60)))
    assert shift_and_scale_box(box, fraction=0.0, rng=rng, size_hw=(40, 60)) == box


@given(st.integers(0, 2**32), st.floats(0.01, 0.25))
def test_twice_the_fraction_moves_and_scales_the_same_way_twice_as_far(seed: int, fraction: float) -> None:
    box = (200.0, 200.0, 300.0, 260.0)
    once, twice = (
        np.subtract(shift_and_scale_box(box, fraction=by, rng=np.random.default_rng(seed), size_hw=(600, 600)), box)
        for by in (fraction, 2 * fraction)
    )
    assert np.allclose(2 * once, twice)
    centre, extent = (once[:2] + once[2:]) / 2, once[2:] - once[:2]
    assert np.all(np.abs(centre) <= np.array([100, 60]) * fraction + 1e-9)
    assert np.all(np.abs(extent) <= np.array([100, 60]) * fraction + 1e-9)


@given(boxes(), st.floats(0, 3))
def test_a_loose_box_holds_the_exact_one_and_stays_in_the_image(box: BoxXyxy, share: float) -> None:
    loose = loose_box(box, share=share, size_hw=(40, 60))
    assert_in_image(loose)
    assert loose[0] <= box[0] and loose[1] <= box[1] and loose[2] >= box[2] and loose[3] >= box[3]
    width = box[2] - box[0]
    assert loose[0] == 0 or loose[0] == pytest.approx(box[0] - share * width)


@given(masks(), st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**32))
def test_an_empty_box_holds_nothing_and_is_found_wherever_there_is_one(
    taken: Mask, height: int, width: int, seed: int
) -> None:
    places = {
        (top, left)
        for top, left in product(range(taken.shape[0] - height + 1), range(taken.shape[1] - width + 1))
        if not taken[top : top + height, left : left + width].any()
    }
    box = empty_box(taken, extent_hw=(height, width), rng=np.random.default_rng(seed))
    if box is None:
        assert not places
    else:
        x0, y0, x1, y1 = (int(side) for side in box)
        assert (y0, x0) in places and (y1 - y0, x1 - x0) == (height, width)


def test_an_empty_box_has_an_extent() -> None:
    with pytest.raises(ValueError, match="0 x 3 pixels"):
        empty_box(np.zeros((4, 4), dtype=bool), extent_hw=(0, 3), rng=np.random.default_rng(0))


def two_objects() -> tuple[Record, np.ndarray]:
    instances = np.zeros((40, 60), dtype=np.uint8)
    instances[5:15, 5:25] = 1
    instances[20:30, 30:40] = 2
    instances[39, 59] = 3  # a speck
    things = tuple(ObjectTruth(index, "lesion", (0, 0, 1, 1), 1) for index in (1, 2, 3))
    return record(*things), instances


@given(st.permutations(ALL_KINDS), st.integers(0, 9))
def test_every_kind_is_the_same_in_any_order_and_within_the_image(kinds: list[PromptKind], seed: int) -> None:
    one, instances = two_objects()
    arguments = {"jitter": 0.1, "seed": seed, "min_area_px": 25}
    mixed = draw_prompts(one, instances, kinds=kinds, **arguments)
    found = {(drawn.kind, drawn.object_index): drawn.prompt for drawn in mixed}
    assert set(found) == {(kind, 0) for kind in OF_IMAGE} | {
        (kind, index) for kind in ALL_KINDS if kind not in OF_IMAGE for index in (1, 2)
    }
    for kind in ALL_KINDS:
        alone = draw_prompts(one, instances, kinds=(kind,), **arguments)
        assert {(drawn.kind, drawn.object_index): drawn.prompt for drawn in alone} == {
            key: prompt for key, prompt in found.items() if key[0] == kind
        }
    for (kind, index), prompt in found.items():
        if prompt.box_xyxy is not None:
            assert_in_image(prompt.box_xyxy)
        if kind in CORRECTIVE:
            assert prompt == found["box_jitter", index]
        if kind == "box_nothing":
            assert prompt.box_xyxy is not None
            x0, y0, x1, y1 = (int(side) for side in prompt.box_xyxy)
            assert not instances[y0:y1, x0:x1].any()
            assert (x1 - x0, y1 - y0) == ((20, 10) if index == 1 else (10, 10))


def test_kinds_of_the_image_say_nothing_of_any_object() -> None:
    one, instances = two_objects()
    none, whole = draw_prompts(one, instances, kinds=("none", "whole_image"), jitter=0.1, seed=1, min_area_px=25)
    assert (none.prompt.box_xyxy, none.prompt.points) == (None, ())
    assert whole.prompt.box_xyxy == (0, 0, 60, 40)
    assert draw_prompts(one, instances, kinds=("none",), jitter=0.1, seed=1, min_area_px=999) == []


def test_boxes_on_the_curve_go_the_same_way() -> None:
    one, instances = two_objects()
    kinds = tuple(SHIFT_AND_SCALE)
    drawn = draw_prompts(one, instances, kinds=kinds, jitter=0.1, seed=1, min_area_px=150)
    moves = {d.kind: np.subtract(d.prompt.box_xyxy, (5, 5, 25, 15)) for d in drawn}
    assert np.allclose(moves["box_jitter_10"], 2 * moves["box_jitter_05"])
    assert np.allclose(moves["box_jitter_20"], 4 * moves["box_jitter_05"])
    assert np.abs(moves["box_jitter_05"]).max() > 0.01


def test_where_there_is_no_empty_place_there_is_no_prompt() -> None:
    instances = np.ones((40, 60), dtype=np.uint8)
    one = record(ObjectTruth(1, "lesion", (0, 0, 60, 40), 2400))
    assert draw_prompts(one, instances, kinds=("box_nothing",), jitter=0.1, seed=1, min_area_px=25) == []


def test_the_truth_is_the_object_all_objects_or_nothing() -> None:
    _, instances = two_objects()
    assert np.array_equal(truth_of("click", 2, instances), instances == 2)
    assert np.array_equal(truth_of("whole_image", 0, instances), instances > 0)
    assert not truth_of("box_nothing", 2, instances).any()
