"""A folded decoder gives the decoder's logits and qualities, for every kind of prompt, in float64 and in float32."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from components.promptable.adapter import AdapterConfig
from components.promptable.folding.decoder import FoldedDecoder
from components.promptable.folding.segmenter import fold
from components.promptable.segmenter import Embedding
from tests.components.promptable.conftest import TINY
from tests.components.promptable.folding.conftest import LEVELS, apart, images, moved, prompts


@torch.inference_mode()
@pytest.mark.parametrize(("size_px", "draws_prompts"), [(64, False), (64, True), (96, False), (96, True)])
def test_logits_and_quality_are_the_same(size_px: int, draws_prompts: bool) -> None:
    segmenter = moved(TINY, AdapterConfig(), size_px=size_px, seed=size_px, draws_prompts=draws_prompts)
    embedding, asked = segmenter.encode(images(size_px, seed=1)), prompts(size_px, seed=2)
    folded = fold(segmenter)
    for batch in (asked, replace(asked, previous=None)):
        found, expected = folded.decode(embedding, batch), segmenter.decode(embedding, batch)
        for ours, known in zip(found, expected, strict=True):
            assert ours.shape == known.shape and ours.dtype == torch.float64
            assert max(apart(*row) for row in zip(ours, known, strict=True)) < 1e-10
        # Prompts differ, so that one prompt's answer in another's place would be seen.
        assert float((expected[0][0] - expected[0][1]).abs().max()) > 1e-3
    single = Embedding(*(getattr(embedding, level).float() for level in LEVELS))
    batch = replace(asked, coords=asked.coords.float(), previous=None)
    found, expected = fold(segmenter.float()).decode(single, batch), segmenter.decode(single, batch)
    assert max(apart(*pair) for pair in zip(found, expected, strict=True)) < 1e-5


@torch.inference_mode()
def test_a_mask_decoder_without_a_token_for_the_object() -> None:
    segmenter = moved(TINY, AdapterConfig(), seed=9)
    segmenter.mask_decoder.pred_obj_scores = False
    embedding, batch = segmenter.encode(images(64, seed=3, count=2)), prompts(64, seed=4)
    found, expected = fold(segmenter).decode(embedding, batch), segmenter.decode(embedding, batch)
    assert max(apart(*pair) for pair in zip(found, expected, strict=True)) < 1e-10


def test_what_no_answer_needs_is_gone() -> None:
    segmenter = moved(TINY, AdapterConfig(), seed=5)
    names = [name for name, _ in FoldedDecoder(segmenter).named_parameters()]
    assert not any("pred_obj_score_head" in name or "conv_s" in name for name in names)
    assert sum("hypernetwork" in name for name in names) == 6  # three layers


def test_one_of_several_masks_by_their_stability_is_refused() -> None:
    segmenter = moved(TINY, AdapterConfig(), seed=5)
    segmenter.mask_decoder.dynamic_multimask_via_stability = True
    with pytest.raises(AssertionError, match="asked for"):
        FoldedDecoder(segmenter)
