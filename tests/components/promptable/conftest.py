"""A segmenter small enough for unit tests."""

from __future__ import annotations

import pytest
import torch

from components.promptable.adapter import AdapterConfig
from components.promptable.build import HieraConfig, build_segmenter
from components.promptable.segmenter import Segmenter

SIZE_PX = 64
TINY = HieraConfig(
    "sam2.1_hiera_t.yaml", embed_dim=16, stages=(1, 1, 2, 1), global_att_blocks=(3,), window_spec=(8, 4, 4, 2)
)


@pytest.fixture
def tiny() -> Segmenter:
    """A tiny segmenter with adapters, weights drawn from a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return build_segmenter(TINY, AdapterConfig(), image_size_px=SIZE_PX, draws_prompts=False)
