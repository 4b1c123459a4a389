"""MedSAM: native pixels in, native masks out, whatever the image's own range, and boxes alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from components.evaluation.peers import medsam
from components.types import Image, Point, Prompt

BOX = (20.0, 10.0, 61.0, 50.0)


def masks(state: dict[str, torch.Tensor], image: Image, prompts: list[Prompt]) -> list[np.ndarray]:
    network = medsam.load("medsam_vit_b", state)
    found = medsam.segment_embedded(network, medsam.embed(network, image), image.shape[:2], prompts)
    assert all(0 <= one.quality <= 1 for one in found)
    return [one.mask for one in found]


def test_a_mask_has_the_images_own_size_and_follows_the_box(small_medsam, picture) -> None:
    one, other = masks(small_medsam, picture, [Prompt(box_xyxy=BOX), Prompt(box_xyxy=(70.0, 40.0, 99.0, 69.0))])
    assert one.shape == other.shape == (70, 100) and one.dtype == np.bool_
    assert not np.array_equal(one, other)


def test_clicks_are_left_out(small_medsam, picture) -> None:
    one, other = masks(small_medsam, picture, [Prompt(box_xyxy=BOX), Prompt(box_xyxy=BOX, points=(Point(40.5, 30.5),))])
    assert np.array_equal(one, other)


def test_the_input_is_scaled_by_the_images_own_range(picture) -> None:
    planes = medsam.to_input(picture, 256)
    assert planes.shape == (1, 3, 256, 256)
    assert (float(planes.min()), float(planes.max())) == (0.0, 1.0)
    brighter = medsam.to_input((picture - 30) * 2 + 40, 256)
    assert torch.allclose(planes, brighter, atol=0.02), "brightness and contrast are gone, up to rounding"
    assert float(medsam.to_input(np.full((5, 7, 3), 9, dtype=np.uint8), 32).abs().max()) == 0, "a flat image is no NaN"


@pytest.mark.parametrize("size_hw", [(1, 1), (3, 200), (200, 3)])
def test_odd_sizes_are_no_crash(small_medsam, size_hw: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    (found,) = masks(small_medsam, image, [Prompt(box_xyxy=(0.0, 0.0, float(size_hw[1]), float(size_hw[0])))])
    assert found.shape == size_hw
