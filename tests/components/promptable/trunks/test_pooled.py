"""Pooled attention: the same as attention to the pooled map, with as many parameters as SAM2's own."""

from __future__ import annotations

from dataclasses import replace

import torch
from sam2.modeling.backbones.hieradet import MultiScaleBlock

from components.promptable.adapter import AdapterConfig
from components.promptable.build import build_segmenter
from components.promptable.summary import count_parameters
from components.promptable.trunks.pooled import PooledAttention, PooledBlock
from tests.components.promptable.conftest import SIZE_PX, TINY


def test_on_a_map_of_equal_cells_pooling_changes_nothing() -> None:
    """SAM2's attention with the same weights agrees where each 2x2 cell holds one value four times."""
    pooled, whole = PooledBlock(8, num_heads=2), MultiScaleBlock(8, 8, num_heads=2)
    whole.attn.qkv.weight.data.copy_(torch.cat([pooled.attn.q.weight, pooled.attn.kv.weight]))
    whole.attn.qkv.bias.data.copy_(torch.cat([pooled.attn.q.bias, pooled.attn.kv.bias]))
    whole.attn.proj.load_state_dict(pooled.attn.proj.state_dict())
    whole.mlp.load_state_dict(pooled.mlp.state_dict())
    coarse = torch.randn(2, 3, 4, 8)
    even = coarse.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    assert torch.allclose(pooled(even), whole(even), atol=1e-5)
    uneven = even + torch.randn(2, 6, 8, 8)
    assert not torch.allclose(pooled(uneven), whole(uneven), atol=1e-2)


def test_every_token_sees_the_whole_map() -> None:
    attention = PooledAttention(8, num_heads=1)
    x = torch.randn(1, 6, 4, 8, requires_grad=True)
    attention(x)[0, 0, 0].sum().backward()
    assert x.grad is not None and bool((x.grad.abs().sum(dim=-1) > 0).all())


def test_only_global_blocks_are_others_and_nothing_is_bigger() -> None:
    plain, pooled = (
        build_segmenter(config, AdapterConfig(), image_size_px=SIZE_PX, draws_prompts=False)
        for config in (TINY, replace(TINY, pools_keys=True))
    )
    kinds = [type(block).__name__ for block in pooled.trunk.get_submodule("hiera.blocks").children()]
    assert kinds == ["MultiScaleBlock"] * 3 + ["PooledBlock", "MultiScaleBlock"]
    assert count_parameters(pooled) == count_parameters(plain)
    assert pooled.encode(torch.zeros(1, 3, SIZE_PX, SIZE_PX)).s16.shape == (1, 256, 4, 4)
