"""Contrast by hand, and calipers as the phantom generator draws them."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from components.evaluation.scoring.appearance import has_calipers, object_contrast


def grey_image(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def disc(radius_px: float, size_hw: tuple[int, int] = (120, 140)) -> np.ndarray:
    y, x = np.mgrid[: size_hw[0], : size_hw[1]]
    return (np.hypot(x - 70, y - 60) <= radius_px).astype(np.uint8)


def test_by_hand_the_difference_over_the_root_of_both_variances() -> None:
    # Columns alternate between 90 and 110 inside, 150 and 170 around: means 100 and 160, both variances 100.
    instances = disc(20)
    alternating = np.where(np.arange(140) % 2, 10, -10)[None, :]
    grey = np.where(instances > 0, 100, 160) + alternating
    assert object_contrast(grey_image(grey), instances, 1) == pytest.approx(60 / math.sqrt(200), rel=1e-3)
    darker = np.where(instances > 0, 160, 100) + alternating
    assert object_contrast(grey_image(darker), instances, 1) == pytest.approx(60 / math.sqrt(200), rel=1e-3)


def test_only_what_is_near_and_no_other_object_counts_as_around() -> None:
    instances = disc(20)
    rng = np.random.default_rng(0)
    grey = np.where(instances > 0, 80, 140) + rng.integers(-8, 8, instances.shape)
    plain = object_contrast(grey_image(grey), instances, 1)
    far = grey.copy()
    far[disc(30) == 0] = 255  # farther than 0.42 of 20 px
    assert object_contrast(grey_image(far), instances, 1) == plain
    near = grey.copy()
    near[60, 92:97] = 255
    assert object_contrast(grey_image(near), instances, 1) != plain
    other = instances.copy()
    other[60, 92:97] = 2
    untouched = object_contrast(grey_image(grey), other, 1)
    assert object_contrast(grey_image(near), other, 1) == untouched


def test_what_fills_the_image_or_is_flat_has_no_contrast() -> None:
    assert math.isnan(object_contrast(grey_image(np.full((9, 9), 7)), np.ones((9, 9), np.uint8), 1))
    assert math.isnan(object_contrast(grey_image(np.full((120, 140), 7)), disc(20), 1))
    assert math.isnan(object_contrast(grey_image(np.full((120, 140), 7)), disc(20), 2))


def test_an_object_at_the_edge_has_surroundings() -> None:
    instances = np.zeros((40, 40), np.uint8)
    instances[:10, :10] = 1
    grey = np.where(instances > 0, 60, 160) + np.random.default_rng(0).integers(-5, 5, (40, 40))
    assert object_contrast(grey_image(grey), instances, 1) > 10


def test_calipers_are_seen() -> None:
    grey = np.random.default_rng(0).integers(20, 90, (240, 320)).astype(np.uint8)
    assert not has_calipers(grey_image(grey))
    for x in (100, 220):
        cv2.drawMarker(grey, (x, 120), 250, cv2.MARKER_CROSS, 13, 1)
    assert has_calipers(grey_image(grey))
