"""Prompts checked, moved and decoded: order, threads and company don't change a mask."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import ArtefactError, PromptError
from components.promptable.predict import (
    cell_shares,
    check_prompts,
    embed,
    segment,
    segment_embedded,
    segment_unprompted,
    to_batch,
    to_prediction,
)
from components.promptable.segmenter import NO_PREVIOUS, Segmenter
from components.types import Image, Point, Prompt

BOX = Prompt(box_xyxy=(10.0, 5.0, 60.0, 40.0))
CLICK = Prompt(points=(Point(30.5, 20.5), Point(2.5, 2.5, positive=False)))
BOTH = Prompt(box_xyxy=(0.0, 0.0, 90.0, 50.0), points=(Point(30.5, 20.5),))


@pytest.fixture
def image() -> Image:
    return np.random.default_rng(0).integers(0, 256, size=(50, 90, 3), dtype=np.uint8)


def test_masks_have_the_images_own_size(tiny: Segmenter, image: Image) -> None:
    predictions = segment(tiny, image, [BOX, CLICK, BOTH])
    assert [p.mask.shape for p in predictions] == [(50, 90)] * 3
    assert all(p.mask.dtype == np.bool_ and 0 <= p.quality <= 1 for p in predictions)


def test_a_mask_does_not_depend_on_what_else_is_asked(tiny: Segmenter, image: Image) -> None:
    together = segment(tiny, image, [BOX, CLICK, BOTH])
    alone = [segment(tiny, image, [prompt])[0] for prompt in (BOX, CLICK, BOTH)]
    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert one.quality == other.quality


def test_many_threads_give_the_same_bits(tiny: Segmenter, image: Image) -> None:
    expected = segment(tiny, image, [BOX])[0]
    embedding = embed(tiny, image)
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(segment_embedded, tiny, embedding, (50, 90), [BOX]) for _ in range(32)]
        for job in jobs:
            assert np.array_equal(job.result()[0].mask, expected.mask)


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        (Prompt(), "neither"),
        (Prompt(box_xyxy=(0.0, 0.0, float("nan"), 4.0)), "finite"),
        (Prompt(points=(Point(float("inf"), 1.0),)), "finite"),
        (Prompt(box_xyxy=(5.0, 5.0, 5.0, 9.0)), "the box"),
        (Prompt(box_xyxy=(-1.0, 0.0, 5.0, 9.0)), "the box"),
        (Prompt(box_xyxy=(0.0, 0.0, 91.0, 9.0)), "the box"),
        (Prompt(points=(Point(90.5, 3.0),)), "the point"),
    ],
)
def test_senseless_prompts_are_refused_by_place(prompt: Prompt, found: str) -> None:
    with pytest.raises(PromptError, match="object 1") as caught:
        check_prompts([BOX, prompt], (50, 90))
    assert found in caught.value.found


@settings(max_examples=50, deadline=None)
@given(
    width=st.integers(32, 500),
    height=st.integers(32, 500),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
)
def test_points_move_in_proportion(width: int, height: int, x: float, y: float) -> None:
    prompt = Prompt(points=(Point(x * width, y * height),))
    batch = to_batch([prompt], size_hw=(height, width), size_px=256, device=torch.device("cpu"))
    moved = batch.coords[0, 0].numpy() + 0.5  # SAM2 adds the half pixel back
    assert moved == pytest.approx([x * 256, y * 256], abs=1e-3)
    assert batch.labels.tolist() == [[1]]


def test_prompts_of_different_length_are_padded() -> None:
    batch = to_batch([BOX, BOTH, CLICK], size_hw=(50, 90), size_px=64, device=torch.device("cpu"))
    assert batch.labels.tolist() == [[2, 3, -1], [2, 3, 1], [1, 0, -1]]


def test_no_prompt_is_a_padding_point_as_sam2_takes_it(tiny: Segmenter, image: Image) -> None:
    size_hw = (image.shape[0], image.shape[1])
    batch = to_batch([Prompt()], size_hw=size_hw, size_px=64, device=tiny.device)
    assert batch.coords.shape == (1, 1, 2) and batch.labels.tolist() == [[-1]]
    embedding = embed(tiny, image)
    found = segment_unprompted(tiny, embedding, size_hw)
    assert found.mask.shape == size_hw and 0 <= found.quality <= 1
    with torch.inference_mode():
        points = (torch.zeros(1, 1, 2), -torch.ones(1, 1, dtype=torch.int64))
        sparse, dense = tiny.prompt_encoder(points=points, boxes=None, masks=None)
        _, quality, _, _ = tiny.mask_decoder(
            image_embeddings=embedding.s16,
            image_pe=tiny.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
            repeat_image=False,
            high_res_features=[embedding.s4, embedding.s8],
        )
    assert found.quality == float(quality[0, 0].clamp(0, 1))
    with pytest.raises(PromptError, match="neither a box nor a point"):
        segment_embedded(tiny, embedding, size_hw, [Prompt()])


def test_previous_masks_of_some_prompts_change_those_alone(tiny: Segmenter, image: Image) -> None:
    mask = np.zeros((50, 90), dtype=bool)
    mask[10:30, 20:60] = True
    with_mask = Prompt(BOX.box_xyxy, mask=mask)
    alone, boxed, click = segment(tiny, image, [Prompt(mask=mask), with_mask, CLICK])
    assert np.array_equal(click.mask, segment(tiny, image, [CLICK])[0].mask)
    qualities = {segment(tiny, image, [BOX])[0].quality, alone.quality, boxed.quality}
    assert len(qualities) == 3
    batch = to_batch([BOX, with_mask], size_hw=(50, 90), size_px=64, device=torch.device("cpu"))
    assert batch.previous is not None
    assert batch.previous.shape == (2, 16, 16) and bool((batch.previous[0] == NO_PREVIOUS).all())
    assert to_batch([BOX, CLICK], size_hw=(50, 90), size_px=64, device=torch.device("cpu")).previous is None


def test_cells_hold_the_share_that_the_mask_covers() -> None:
    mask = np.zeros((64, 128), dtype=bool)
    mask[0:4, 0:4] = True
    mask[32:48, 64:96] = True
    shares = cell_shares(mask, 8)
    assert shares[0, 0] == pytest.approx(16 / 128, abs=1 / 255)
    assert np.all(shares[4:6, 4:6] == 1) and shares.sum() == pytest.approx(4 + 1 / 8, abs=1 / 255)


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        (Prompt(mask=np.ones((90, 50), dtype=bool)), "90 x 50"),
        (Prompt(mask=np.ones((50, 90, 1), dtype=bool)), "50 x 90 x 1"),
        (Prompt(mask=np.ones((50, 90), dtype=np.uint8)), "uint8"),  # type: ignore[arg-type]
        (Prompt(mask=np.zeros((50, 90), dtype=bool)), "empty mask"),
    ],
)
def test_masks_that_cannot_be_this_images_are_refused(prompt: Prompt, found: str) -> None:
    with pytest.raises(PromptError, match="object 1") as caught:
        check_prompts([BOX, prompt], (50, 90))
    assert found in caught.value.found
    check_prompts([Prompt(BOX.box_xyxy, mask=np.zeros((50, 90), dtype=bool))], (50, 90))


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_numbers_that_arent_finite_are_no_mask(broken: float) -> None:
    """As broken weights give them; compared with 0 they would be an empty mask."""
    logits, quality = np.full((1, 16, 16), 3.0, dtype=np.float32), np.ones(1, dtype=np.float32)
    assert to_prediction(logits, quality, (50, 90)).mask.all()
    half = to_prediction(torch.full((1, 256, 256), 9.0, dtype=torch.float16), torch.ones(1), (50, 90))
    assert half.mask.all(), "their sum is more than float16 holds"
    odd = logits.copy()
    odd[0, 3, 4:6] = broken, -broken
    for wrong in ((odd, quality), (logits, quality * broken)):
        for numbers in (wrong, tuple(map(torch.from_numpy, wrong))):
            with pytest.raises(ArtefactError, match="aren't finite"):
                to_prediction(*numbers, (50, 90))
