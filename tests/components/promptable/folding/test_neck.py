"""A level is a sum of convolutions of the stages, whichever levels the neck adds coarser ones to."""

from __future__ import annotations

import pytest
import torch

from components.promptable.adapter import AdapterConfig
from components.promptable.folding.neck import FoldedNeck
from components.promptable.segmenter import Segmenter
from tests.components.promptable.conftest import TINY
from tests.components.promptable.folding.conftest import embeddings_apart, images, moved


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    """One for all necks."""
    return moved(TINY, AdapterConfig(), seed=8)


@torch.inference_mode()
@pytest.mark.parametrize("top_down", [(2, 3), (0, 1, 2, 3), (), (0, 2), (1,)])
def test_the_embedding_is_the_same(segmenter: Segmenter, top_down: tuple[int, ...]) -> None:
    segmenter.top_down_levels = top_down
    stages = [stage.total for stage in segmenter.stages(images(64, seed=2))]
    expected = segmenter.embed_levels(segmenter.neck(stages))
    assert embeddings_apart(FoldedNeck(segmenter)(stages), expected) < 1e-10


def test_fine_levels_take_no_detour_by_256_channels(segmenter: Segmenter) -> None:
    segmenter.top_down_levels = (2, 3)
    convs = [[tuple(conv.weight.shape[:2]) for conv in level] for level in FoldedNeck(segmenter).levels]
    assert convs == [[(32, 16)], [(64, 32)], [(256, 64), (256, 128)]]
