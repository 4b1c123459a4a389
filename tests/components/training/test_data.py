"""Batches depend on seed, epoch and image alone; prompts mean the object they stand with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from components.params import TrainPrompts
from components.training.data import TrainingImages, collate, draw_training_prompt, shrink_mask, validation_batches
from components.types import Record
from tests.components.training.conftest import AUGMENT, PROMPTS


@pytest.fixture
def images(discs: list[Record]) -> TrainingImages:
    return TrainingImages(discs, image_size_px=64, augment=AUGMENT, prompts=PROMPTS.train, min_area_px=9, seed=5)


def test_a_sample_is_a_function_of_epoch_and_index(images: TrainingImages) -> None:
    first, again, later = images[(0, 3)], images[(0, 3)], images[(1, 3)]
    assert torch.equal(first.image, again.image)
    assert first.prompts == again.prompts
    assert not torch.equal(first.image, later.image)


def test_prompts_and_masks_belong_together(images: TrainingImages) -> None:
    for index in range(len(images)):
        sample = images[(4, index)]
        assert len(sample.prompts) == len(sample.masks)
        for prompt, mask in zip(sample.prompts, sample.masks, strict=True):
            for point in prompt.points:
                assert bool(mask[int(point.y), int(point.x)]) is point.positive
            if prompt.box_xyxy is not None:
                x0, y0, x1, y1 = prompt.box_xyxy
                rows, columns = np.nonzero(mask)
                overlap = ((columns >= x0 - 1) & (columns < x1 + 1) & (rows >= y0 - 1) & (rows < y1 + 1)).mean()
                assert overlap > 0.6


@pytest.mark.parametrize(
    ("kind", "has_box", "has_points"),
    [("box", True, False), ("box_jitter", True, False), ("click", False, True), ("box_click", True, True)],
)
def test_each_kind_of_prompt_is_what_it_says(kind: str, has_box: bool, has_points: bool) -> None:
    shares = {f"{name}_share": float(name == kind) for name in ("box", "box_jitter", "click", "box_click")}
    params = TrainPrompts(**shares, jitter=0.2, max_objects=1)  # type: ignore[arg-type]
    mask = np.zeros((40, 50), dtype=bool)
    mask[10:25, 20:44] = True
    for seed in range(10):
        prompt = draw_training_prompt(mask, params, np.random.default_rng(seed))
        assert (prompt.box_xyxy is not None) is has_box
        assert bool(prompt.points) is has_points
        if kind == "box":
            assert prompt.box_xyxy == (20, 10, 44, 25)


def test_an_image_moved_out_of_the_frame_is_used_as_it_is(discs: list[Record]) -> None:
    away = AUGMENT.model_copy(update={"shift": 0.99, "rotate_deg": 180.0})
    images = TrainingImages(discs, image_size_px=64, augment=away, prompts=PROMPTS.train, min_area_px=9, seed=5)
    assert all(len(images[(epoch, 0)].prompts) >= 1 for epoch in range(10))


def test_a_speck_that_shrinking_would_lose_is_kept() -> None:
    mask = np.zeros((640, 640), dtype=bool)
    mask[311:313, 400:402] = True
    small = shrink_mask(mask, 64)
    assert small.shape == (64, 64)
    assert np.argwhere(small).tolist() == [[31, 40]]
    large = np.zeros((128, 128), dtype=bool)
    large[32:64, 64:128] = True
    assert np.array_equal(shrink_mask(large, 64), large[::2, ::2])


def test_validation_is_the_same_every_time(discs: list[Record]) -> None:
    kept = [
        validation_batches(discs, image_size_px=64, prompts=PROMPTS.evaluate, min_area_px=9, batch_size=5)
        for _ in range(2)
    ]
    assert [len(batch.images) for batch in kept[0]] == [5, 5, 2]
    for one, other in zip(*kept, strict=True):
        assert torch.equal(one.prompts.coords, other.prompts.coords)
        assert int(one.prompts.labels.min()) == 2


def test_prompts_are_padded_as_the_longest_of_all_shares(images: TrainingImages) -> None:
    batch = collate([images[(0, 0)], images[(0, 1)]])
    points = batch.prompts.labels.shape[1]
    longer = batch.padded(points + 2)
    assert torch.equal(longer.prompts.labels[:, :points], batch.prompts.labels)
    assert (longer.prompts.labels[:, points:] == -1).all() and longer.prompts.coords.shape[1] == points + 2
    assert batch.padded(points) is batch
