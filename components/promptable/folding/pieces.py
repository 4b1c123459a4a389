"""Attention to a whole map, a few queries at a time: the same numbers, without all scores in memory at once.

An exported attention writes its scores out, 268 MB for one block of the paper's student at 1024 px; a query's softmax
asks for its own row alone, so that pieces of rows which fit a processor's cache do as well, and faster.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from einops import rearrange
from sam2.modeling.backbones.hieradet import MultiScaleAttention
from torch import Tensor, nn

from components.promptable.folding.linear import Affine, affine

MOST_SCORES = 2**21  # 8 MiB in float32


class AttentionInPieces(nn.Module):
    """A Hiera block's attention on a map (B H W D) of a kept size, exported with at most `most` scores at a time."""

    def __init__(self, attention: MultiScaleAttention, *, most: int = MOST_SCORES) -> None:
        super().__init__()
        self.heads, self.most = attention.num_heads, most
        projection = affine(attention.qkv)
        scale = torch.ones_like(projection.bias)
        # Queries divided by the root of a head's width, as attention does.
        scale[: len(scale) // 3] = (attention.dim_out / attention.num_heads) ** -0.5
        scaled = Affine(projection.weight * scale[:, None], projection.bias * scale)
        self.qkv = scaled.linear(attention.qkv.weight)
        self.proj = copy.deepcopy(attention.proj)

    def forward(self, x: Tensor) -> Tensor:
        height, width = int(x.shape[1]), int(x.shape[2])
        query, key, value = (
            rearrange(part, "b h w (n d) -> b n (h w) d", n=self.heads) for part in self.qkv(x).chunk(3, dim=-1)
        )
        # PyTorch's own attention writes no scores; what it is exported to does.
        if torch.onnx.is_in_onnx_export():
            # No piece may be larger than the whole: the exporter takes its size literally.
            rows = min(height * width, max(1, self.most // (self.heads * height * width)))
            seen = attended_in_pieces(query, key, value, rows=rows)
        else:
            seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        out: Tensor = self.proj(rearrange(seen, "b n (h w) d -> b h w (n d)", h=height))
        return out


def attended_in_pieces(query: Tensor, key: Tensor, value: Tensor, *, rows: int) -> Tensor:
    """Attention with scaled queries (B heads N d each), so many rows of queries at a time."""
    turned = rearrange(key, "b n k d -> b n d k")
    return torch.cat([F.softmax(piece @ turned, dim=-1) @ value for piece in query.split(rows, dim=2)], dim=2)


def in_pieces(block: nn.Module) -> None:
    """Give a copied block of Hiera's, where it attends to the whole map and keeps its size, attention in pieces."""
    attention = getattr(block, "attn", None)
    if isinstance(attention, MultiScaleAttention) and attention.q_pool is None and block.window_size == 0:
        block.attn = AttentionInPieces(attention)
