"""Hiera whose global blocks look at a map of half the size: keys and values are means of 2x2 tokens.

A global block's time goes with the square of the map; pooled, it is a quarter (the idea of PVT's spatial reduction,
Wang et al. 2021, arXiv 2102.12122, without its parameters). The other blocks are the `sam2` package's own. As many
parameters as SAM2's, but other weights: it must be trained so.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from einops import rearrange
from sam2.modeling.backbones.hieradet import Hiera
from sam2.modeling.sam2_utils import MLP
from torch import Tensor, nn

_NORM_EPS = 1e-6  # Hiera's
_MLP_RATIO = 4


class PooledAttention(nn.Module):
    """Every token of a map (B H W D) attends to the means of its 2x2 cells; of an odd map the last row is left out."""

    def __init__(self, dim: int, *, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        height = x.shape[1]
        # The mean before the projection is the projection's mean, on a quarter of the tokens.
        pooled = rearrange(F.avg_pool2d(rearrange(x, "b h w d -> b d h w"), 2), "b d h w -> b h w d")
        key, value = self.kv(pooled).chunk(2, dim=-1)
        q, k, v = (rearrange(part, "b h w (n d) -> b n (h w) d", n=self.num_heads) for part in (self.q(x), key, value))
        seen = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(rearrange(seen, "b n (h w) d -> b h w (n d)", h=height))
        return out


class PooledBlock(nn.Module):
    """Hiera's block, of one width and size, with the attention above."""

    def __init__(self, dim: int, *, num_heads: int) -> None:
        super().__init__()
        self.dim = self.dim_out = dim
        self.norm1 = nn.LayerNorm(dim, eps=_NORM_EPS)
        self.attn = PooledAttention(dim, num_heads=num_heads)
        self.norm2 = nn.LayerNorm(dim, eps=_NORM_EPS)
        self.mlp = MLP(dim, _MLP_RATIO * dim, dim, num_layers=2, activation=nn.GELU)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class PooledHiera(Hiera):
    """SAM2's Hiera with these blocks where it is global; a block that changes width or size can't be one."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        for index in self.global_att_blocks:
            block = self.blocks[index]
            assert block.dim == block.dim_out and block.q_stride is None
            self.blocks[index] = PooledBlock(block.dim, num_heads=block.attn.num_heads)
