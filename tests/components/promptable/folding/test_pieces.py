"""Attention in pieces is attention, in however many pieces, and only blocks that attend to the whole map get it."""

from __future__ import annotations

import pytest
import torch
from sam2.modeling.backbones.hieradet import MultiScaleAttention, MultiScaleBlock

from components.promptable.folding.pieces import AttentionInPieces, in_pieces
from tests.components.promptable.folding.conftest import apart

TOKENS, HEADS = 24, 2


@torch.inference_mode()
@pytest.mark.parametrize("rows", [1, 7, 24, 100])
def test_pieces_are_the_whole(rows: int) -> None:
    attention = MultiScaleAttention(8, 8, num_heads=HEADS).double()
    x = torch.randn(2, 4, 6, 8, dtype=torch.float64)
    assert apart(AttentionInPieces(attention, most=rows * HEADS * TOKENS)(x), attention(x)) < 1e-12


@pytest.mark.parametrize(("window_size", "q_stride", "cut"), [(0, None, True), (4, None, False), (0, (2, 2), False)])
def test_only_attention_to_a_whole_map_is_cut(window_size: int, q_stride: tuple[int, int] | None, cut: bool) -> None:
    block = MultiScaleBlock(8, 8, HEADS, window_size=window_size, q_stride=q_stride)
    in_pieces(block)
    assert isinstance(block.attn, AttentionInPieces) == cut
