"""The inscribed ellipse."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PilImage

from components.evaluation.baselines import inscribed_ellipse
from components.evaluation.metrics import dice
from components.evaluation.prompts import exact_box


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
