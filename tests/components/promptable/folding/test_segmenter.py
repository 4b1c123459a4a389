"""A folded segmenter gives the segmenter's numbers, in float64 and in float32, and leaves the segmenter alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from components.promptable.adapter import AdapterConfig
from components.promptable.build import TrunkConfig
from components.promptable.decoder import DecoderConfig
from components.promptable.folding.segmenter import fold
from components.promptable.segmenter import Embedding, PromptBatch
from components.promptable.trunks.rep import RepConfig
from tests.components.promptable.conftest import PADDED, TINY
from tests.components.promptable.folding.conftest import LEVELS, apart, embeddings_apart, images, moved, prompts

POOLED = replace(TINY, num_heads=1, head_mul=1, windows_divide=True, pools_keys=True)


@torch.inference_mode()
@pytest.mark.parametrize("trunk", [PADDED, POOLED, RepConfig((8, 8, 16, 16), (1, 2, 1, 1))])
def test_every_students_embedding_is_the_same_in_both_precisions(trunk: TrunkConfig) -> None:
    segmenter = moved(trunk, AdapterConfig(), seed=3)
    given = images(64, seed=4)
    assert embeddings_apart(fold(segmenter).encode(given), segmenter.encode(given)) < 1e-10
    segmenter.float()
    assert embeddings_apart(fold(segmenter).encode(given.float()), segmenter.encode(given.float())) < 1e-5


@torch.inference_mode()
def test_masks_are_the_same_from_image_to_logits() -> None:
    segmenter = moved(TINY, AdapterConfig(), seed=6).float()
    folded, given = fold(segmenter), images(64, seed=7).float()
    batch = prompts(64, seed=8)
    batch = replace(batch, coords=batch.coords.float(), previous=None)
    embedding = folded.encode(given)
    found, expected = folded.decode(embedding, batch), segmenter.decode(segmenter.encode(given), batch)
    assert max(apart(*pair) for pair in zip(found, expected, strict=True)) < 1e-5
    each = Embedding(*(getattr(embedding, level)[batch.image_index] for level in LEVELS))
    assert torch.equal(folded.decode_each(each, batch.coords, batch.labels)[0], found[0])
    for first, last in ((0, 1), (1, 5)):  # one alone, and several on one image
        rows = slice(first, last)
        second = Embedding(*(getattr(embedding, level)[1:] for level in LEVELS))
        some = PromptBatch(torch.zeros(last - first, dtype=torch.int64), batch.coords[rows], batch.labels[rows])
        on_both = replace(some, image_index=torch.ones_like(some.image_index))
        wanted = segmenter.decode(segmenter.encode(given), on_both)
        for answer in (folded.decode(second, some), folded.decode(embedding, on_both)):
            assert max(apart(*pair) for pair in zip(answer, wanted, strict=True)) < 1e-5


@torch.inference_mode()
def test_a_narrow_decoder_is_the_same_from_image_to_logits() -> None:
    narrow = DecoderConfig(width=64, heads=4, mlp=96, layers=1)
    segmenter = moved(RepConfig((8, 8, 16, 16), (1, 2, 1, 1)), AdapterConfig(), seed=9, decoder=narrow)
    folded, given, batch = fold(segmenter), images(64, seed=7), prompts(64, seed=8)
    embedding = folded.encode(given)
    assert embeddings_apart(embedding, segmenter.encode(given)) < 1e-10
    found, expected = folded.decode(embedding, batch), segmenter.decode(segmenter.encode(given), batch)
    assert max(apart(*pair) for pair in zip(found, expected, strict=True)) < 1e-10


def test_folding_leaves_the_segmenter_as_it_was() -> None:
    segmenter = moved(PADDED, AdapterConfig(), seed=5)
    before = {name: value.clone() for name, value in segmenter.state_dict().items()}
    folded = fold(segmenter)
    for parameter in folded.parameters():
        parameter.data.zero_()
    assert all(torch.equal(value, before[name]) for name, value in segmenter.state_dict().items())
    assert any(parameter.requires_grad for parameter in segmenter.parameters())
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    assert folded.image_size_px == 64 and folded.device == torch.device("cpu") and not folded.training
