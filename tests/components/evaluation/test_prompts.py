"""Prompts drawn from truth masks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluation.prompts import (
    central_click,
    draw_prompts,
    exact_box,
    jitter_box,
    negative_click,
    random_click,
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
        "from components.evaluation.prompts import draw_prompts;"
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
