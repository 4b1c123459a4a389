"""What an image carries: pictures differ from their median and are smooth, blank frames and noise aren't."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage

from components.intake.measuring.content import content_of, histogram
from tests.components.intake.raw_trees import speckle

Grey = NDArray[np.uint8]


@pytest.mark.parametrize("grey", [0, 90, 255])
def test_one_even_grey_shows_nothing(grey: int) -> None:
    found = content_of(np.full((70, 600), grey, np.uint8))
    assert (found.picture_share, found.neighbour_correlation) == (0.0, None)


def test_what_compression_leaves_on_an_even_ground_is_nothing() -> None:
    file = io.BytesIO()
    PilImage.fromarray(np.full((100, 120), 17, np.uint8)).save(file, "JPEG", quality=30)
    assert content_of(np.asarray(PilImage.open(file))).picture_share == 0.0


def test_the_share_is_counted_by_hand() -> None:
    grey = np.full((10, 10), 50, np.uint8)
    grey[0, :3] = (58, 59, 41)  # one within eight grey levels of the median, two beyond
    assert content_of(grey).picture_share == pytest.approx(0.02)


def test_neighbours_correlate_as_numpy_says() -> None:
    for grey in (speckle(1, height=300, width=310), np.random.default_rng(0).integers(0, 256, (300, 310), np.uint8)):
        beside = np.corrcoef(grey[:, :-1].ravel(), grey[:, 1:].ravel())[0, 1]
        below = np.corrcoef(grey[:-1].ravel(), grey[1:].ravel())[0, 1]
        assert content_of(grey).neighbour_correlation == pytest.approx(max(beside, below), abs=0.01)


def test_stripes_are_no_noise() -> None:
    rows = np.repeat(np.random.default_rng(0).integers(0, 256, (200, 1), np.uint8), 100, axis=1)
    assert (content_of(rows).neighbour_correlation or 0) > 0.95


def test_a_large_image_takes_little_memory() -> None:
    grey = np.zeros((6000, 3000), np.uint8)
    grey[::2] = 200
    tracemalloc.start()
    content_of(grey)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < grey.size
    assert histogram(grey).tolist() == [9_000_000, *[0] * 199, 9_000_000, *[0] * 55]
