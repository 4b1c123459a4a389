"""Attention projected on the side of the tokens is SAM2's, biases included, however many tokens there are."""

from __future__ import annotations

import pytest
import torch
from sam2.modeling.sam.transformer import Attention
from torch import Tensor

from components.promptable.folding.attention import ImageToTokens, SelfAttention, TokensToImage
from tests.components.promptable.folding.conftest import apart

CELLS, WIDTH = 20, 32


def attention(downsample_rate: int) -> Attention:
    """One with large biases."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        made = Attention(WIDTH, 4, downsample_rate=downsample_rate).double()
        for parameter in made.parameters():
            parameter.data = torch.randn_like(parameter)
    return made


def rows(count: int, seed: int) -> Tensor:
    """Count WIDTH."""
    return torch.randn(count, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
@pytest.mark.parametrize("tokens", [1, 7, 30])
def test_all_three_kinds_are_sam2s(tokens: int) -> None:
    full, half = attention(1), attention(2)
    sought, values, placed, cells = rows(tokens, 2), rows(tokens, 3), rows(CELLS, 4), rows(CELLS, 5)
    pairs = [
        (SelfAttention(full)(sought, values), full(sought[None], sought[None], values[None])[0]),
        (TokensToImage(half)(sought, placed, cells), half(sought[None], placed[None], cells[None])[0]),
        (ImageToTokens(half)(sought, placed, values, cells), cells + half(placed[None], sought[None], values[None])[0]),
    ]
    assert max(apart(*pair) for pair in pairs) < 1e-12
