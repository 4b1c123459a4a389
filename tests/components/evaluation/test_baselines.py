"""The baselines: the inscribed ellipse, the filled box, GrabCut and what it does where it can't cut."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage

from components.evaluation.baselines import BASELINES, LONGEST_SIDE_PX, filled_box, grabcut, inscribed_ellipse
from components.evaluation.prompting.prompts import exact_box
from components.evaluation.scoring.metrics import dice


def test_an_ellipse_by_hand() -> None:
    expected = np.array([[0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]], dtype=bool)
    assert np.array_equal(inscribed_ellipse((1, 0, 5, 4), (4, 6))[:, 1:5], expected)
    assert inscribed_ellipse((1, 0, 5, 4), (4, 6)).sum() == 12


@given(st.integers(0, 20), st.integers(0, 20), st.integers(3, 60), st.integers(3, 60))
def test_its_box_is_nearly_the_box_and_its_area_that_of_an_ellipse(x: int, y: int, w: int, h: int) -> None:
    mask = inscribed_ellipse((x, y, x + w, y + h), (90, 90))
    x0, y0, x1, y1 = exact_box(mask)
    assert x <= x0 and y <= y0 and x1 <= x + w and y1 <= y + h
    assert abs(int(mask.sum()) - math.pi / 4 * w * h) <= 2 * (w + h)


def test_an_ellipse_is_cut_at_the_edge_and_may_lie_between_pixel_centres() -> None:
    assert inscribed_ellipse((-5, -5, 5, 5), (10, 10)).sum() < inscribed_ellipse((0, 0, 10, 10), (10, 10)).sum()
    assert not inscribed_ellipse((2.6, 2.6, 2.9, 2.9), (10, 10)).any()


@pytest.mark.parametrize(("name", "low", "high"), [("benign", 0.90, 0.94), ("malignant", 0.80, 0.85)])
def test_on_real_lesions_the_ellipse_of_the_exact_box_is_a_high_bar(
    samples: Path, name: str, low: float, high: float
) -> None:
    folder = samples / "busi" / "Dataset_BUSI_with_GT" / name
    scores = []
    for path in sorted(folder.glob("*_mask.png")):
        with PilImage.open(path) as picture:
            mask = np.asarray(picture.convert("L")) >= 128
        if mask.any():
            ellipse = inscribed_ellipse(exact_box(mask), (mask.shape[0], mask.shape[1]))
            scores.append(dice(mask, ellipse))
    assert len(scores) >= 20
    assert low < float(np.mean(scores)) < high


def test_a_filled_box_holds_the_pixel_centres_within_it() -> None:
    assert np.array_equal(np.argwhere(filled_box((1, 2, 3, 3), (5, 6))), [[2, 1], [2, 2]])
    assert filled_box((0, 0, 6, 5), (5, 6)).all()
    assert filled_box((0.6, 0.4, 2.5, 1.5), (5, 6)).sum() == 1, "column 1; the half-open end leaves column 2 out"


def blob(size_hw: tuple[int, int] = (120, 150), *, noise: float = 12.0) -> tuple[np.ndarray, np.ndarray]:
    """A dark, notched blob in brighter speckle, as an image (H W 3) and its mask."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    angle = np.arctan2(y - 60, x - 70)
    mask = np.hypot(x - 70, y - 60) <= 30 * (1 + 0.35 * np.cos(3 * angle))
    grey = np.where(mask, 60, 140) + rng.normal(0, noise, size_hw)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2), mask


def test_grabcut_finds_an_outline_that_no_ellipse_has() -> None:
    image, mask = blob()
    box = exact_box(mask)
    found = grabcut(image, box)
    assert found.fell_back is False
    assert dice(mask, found.mask) > 0.95 > 0.9 > dice(mask, inscribed_ellipse(box, mask.shape))


def test_grabcut_answers_at_the_images_own_size_however_large() -> None:
    image, mask = blob()
    large = np.repeat(np.repeat(image, 8, axis=0), 8, axis=1)
    truth = np.repeat(np.repeat(mask, 8, axis=0), 8, axis=1)
    assert max(large.shape) > 10 * LONGEST_SIDE_PX
    found = grabcut(large, exact_box(truth))
    assert found.mask.shape == truth.shape and dice(truth, found.mask) > 0.93


def test_grabcut_is_a_function_of_image_and_box_whatever_opencv_drew_before() -> None:
    image, mask = blob(noise=60.0)
    first = grabcut(image, exact_box(mask)).mask
    for seed in (1, 2, 3):
        cv2.setRNGSeed(seed)
        cv2.randu(np.zeros((seed, 7)), 0, 1)
        assert np.array_equal(grabcut(image, exact_box(mask)).mask, first)


@pytest.mark.parametrize(
    ("why", "box"),
    [
        ("no background is left", (0, 0, 150, 120)),
        ("less than a pixel of background is left, shrunk", (0.0, 0.0, 149.9, 119.9)),
        ("no pixel centre lies in the core", (5.2, 5.2, 5.4, 5.4)),
    ],
)
def test_where_grabcut_cannot_cut_it_says_so_and_gives_the_ellipse(why: str, box: tuple) -> None:
    image, mask = blob()
    found = grabcut(image, box)
    assert found.fell_back is True, why
    assert np.array_equal(found.mask, inscribed_ellipse(box, mask.shape))


def test_a_flat_image_cannot_be_cut() -> None:
    assert grabcut(np.full((60, 60, 3), 7, dtype=np.uint8), (10, 10, 40, 40)).fell_back is True


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_box_and_no_image_makes_a_baseline_crash(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    values = data.draw(st.sampled_from([1, 2, 256]))
    image = np.random.default_rng(data.draw(st.integers(0, 9))).integers(0, values, (height, width, 3), dtype=np.uint8)
    x0, x1 = sorted(data.draw(st.tuples(*[st.floats(0, width)] * 2)))
    y0, y1 = sorted(data.draw(st.tuples(*[st.floats(0, height)] * 2)))
    for baseline in BASELINES.values():
        answer = baseline(image, (x0, y0, x1, y1))
        assert answer.mask.shape == (height, width) and answer.mask.dtype == np.bool_


@pytest.mark.parametrize("name", ["benign", "malignant"])
def test_on_real_lesions_grabcut_is_no_straw_man(samples: Path, name: str) -> None:
    folder = samples / "busi" / "Dataset_BUSI_with_GT" / name
    scores: dict[str, list[float]] = {who: [] for who in BASELINES}
    for path in sorted(folder.glob("*_mask.png"))[:8]:
        with PilImage.open(path) as picture:
            mask = np.asarray(picture.convert("L")) >= 128
        with PilImage.open(path.with_name(path.name.replace("_mask", ""))) as picture:
            image = np.asarray(picture.convert("RGB"))
        for who, baseline in BASELINES.items():
            scores[who].append(dice(mask, baseline(image, exact_box(mask)).mask))
    means = {who: float(np.mean(of)) for who, of in scores.items()}
    assert means["filled_box"] < means["ellipse"] < means["grabcut"] + 0.03
