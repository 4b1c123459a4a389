"""SAM's ViT image encoder, as MedSAM uses it: 1024 by 1024 pixels to 256 channels at 64 by 64.

A plain vision transformer with attention in windows of 14 tokens, four global blocks, and decomposed relative
positions (Li et al., ViTDet, arXiv 2203.16527; Kirillov et al., arXiv 2304.02643, appendix A). Tokens are B H W C.
Leaves out: what only training needs, and resizing positions to another input.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import einsum, rearrange
from sam2.modeling.sam2_utils import LayerNorm2d
from torch import Tensor, nn

OUT_CHANNELS = 256


@dataclass(frozen=True, slots=True)
class VitConfig:
    """The encoder's size: channels, blocks, heads, which blocks are global, and its input in pixels and patches."""

    channels: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    input_px: int = 1024
    patch_px: int = 16
    window: int = 14

    @property
    def side(self) -> int:
        """Patches along a side."""
        return self.input_px // self.patch_px


VIT_B = VitConfig(channels=768, depth=12, heads=12, global_blocks=(2, 5, 8, 11))


class Attention(nn.Module):
    """Attention among H by W tokens, with the query's learned answer to each distance by rows and by columns."""

    def __init__(self, channels: int, *, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, channels // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, channels // heads))

    def forward(self, x: Tensor) -> Tensor:
        """B H W C to the same; H and W are the side that it was built for."""
        side = x.shape[1]
        q, k, v = rearrange(self.qkv(x), "b i j (three h d) -> three b h (i j) d", three=3, h=self.heads)
        place = torch.arange(side, device=x.device)
        distance = place[:, None] - place + side - 1  # of query and key, from 0
        grid = rearrange(q, "b h (i j) d -> b h i j d", i=side)
        by_row = einsum(grid, self.rel_pos_h[distance], "b h i j d, i r d -> b h i j r")
        by_column = einsum(grid, self.rel_pos_w[distance], "b h i j d, j c d -> b h i j c")
        bias = rearrange(by_row[..., :, None] + by_column[..., None, :], "b h i j r c -> b h (i j) (r c)")
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        out: Tensor = self.proj(rearrange(found, "b h (i j) d -> b i j (h d)", i=side))
        return out


class FeedForward(nn.Module):
    """Widen four times, narrow."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(channels, 4 * channels)
        self.lin2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """... C to the same."""
        out: Tensor = self.lin2(F.gelu(self.lin1(x)))
        return out


class Block(nn.Module):
    """Attention, in windows unless `window` is None, and a feed-forward layer."""

    def __init__(self, config: VitConfig, *, window: int | None) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(config.channels, eps=1e-6)
        self.attn = Attention(config.channels, heads=config.heads, side=window or config.side)
        self.norm2 = nn.LayerNorm(config.channels, eps=1e-6)
        self.mlp = FeedForward(config.channels)

    def forward(self, x: Tensor) -> Tensor:
        """B H W C to the same."""
        x = x + self._attend(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out

    def _attend(self, x: Tensor) -> Tensor:
        if self.window is None:
            whole: Tensor = self.attn(x)
            return whole
        height, width, side = x.shape[1], x.shape[2], self.window
        padded = F.pad(x, (0, 0, 0, -width % side, 0, -height % side))
        rows, columns = padded.shape[1] // side, padded.shape[2] // side
        windows = rearrange(padded, "b (r i) (k j) c -> (b r k) i j c", i=side, j=side)
        found = rearrange(self.attn(windows), "(b r k) i j c -> b (r i) (k j) c", r=rows, k=columns)
        return found[:, :height, :width]


class PatchEmbedding(nn.Module):
    """Patches to tokens."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, config.channels, config.patch_px, stride=config.patch_px)

    def forward(self, x: Tensor) -> Tensor:
        """B 3 S S to B H W C."""
        return rearrange(self.proj(x), "b c h w -> b h w c")


class VisionTransformer(nn.Module):
    """SAM's image encoder of the size that a configuration gives."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(config)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.side, config.side, config.channels))
        self.blocks = nn.ModuleList(
            Block(config, window=None if index in config.global_blocks else config.window)
            for index in range(config.depth)
        )
        self.neck = nn.Sequential(
            nn.Conv2d(config.channels, OUT_CHANNELS, 1, bias=False),
            LayerNorm2d(OUT_CHANNELS),
            nn.Conv2d(OUT_CHANNELS, OUT_CHANNELS, 3, padding=1, bias=False),
            LayerNorm2d(OUT_CHANNELS),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images (B 3 S S) to embeddings (B 256 H W), a token for each patch."""
        x = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.neck(rearrange(x, "b h w c -> b c h w"))
        return out
