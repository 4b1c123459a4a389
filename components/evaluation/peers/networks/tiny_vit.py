"""TinyViT as LiteMedSAM's image encoder: 256 by 256 pixels to 256 channels at 64 by 64.

A first stage of inverted bottlenecks and three of windowed attention with a depthwise convolution in each block (Wu
et al., TinyViT, arXiv 2207.10666, section 4). LiteMedSAM changes two strides: the patch embedding keeps all pixels,
and the last reduction keeps the size. Maps are B C H W between blocks. Leaves out: what only training needs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from sam2.modeling.sam2_utils import LayerNorm2d
from torch import Tensor, nn

CHANNELS = (64, 128, 160, 320)
DEPTHS = (2, 2, 6, 2)
HEADS = (2, 4, 5, 10)
WINDOWS = (7, 7, 14, 7)
STRIDES = (2, 2, 1)
EXPANSION = 4
OUT_CHANNELS = 256


class ConvNorm(nn.Sequential):
    """A convolution without bias, and batch normalisation; the size is kept at stride 1."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.add_module(
            "c", nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
        )
        self.add_module("bn", nn.BatchNorm2d(outputs))


class Bottleneck(nn.Module):
    """An inverted bottleneck: widen, convolve each channel, narrow, add."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = channels * EXPANSION
        self.conv1 = ConvNorm(channels, wide)
        self.conv2 = ConvNorm(wide, wide, kernel=3, groups=wide)
        self.conv3 = ConvNorm(wide, channels)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W to the same."""
        return F.gelu(x + self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x))))))


class Reduction(nn.Module):
    """From one stage's channels to the next one's, at half the size where `stride` is 2."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(inputs, outputs)
        self.conv2 = ConvNorm(outputs, outputs, kernel=3, stride=stride, groups=outputs)
        self.conv3 = ConvNorm(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W to B C' H/stride W/stride."""
        out: Tensor = self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))
        return out


class Attention(nn.Module):
    """Attention among the tokens of a window, with a learned bias for each distance by rows and columns."""

    attention_bias_idxs: Tensor

    def __init__(self, channels: int, *, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        row, column = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
        rows = (row.flatten()[:, None] - row.flatten()).abs()
        columns = (column.flatten()[:, None] - column.flatten()).abs()
        self.register_buffer("attention_bias_idxs", rows * window + columns, persistent=False)  # N N

    def forward(self, x: Tensor) -> Tensor:
        """B N C to the same, N tokens of one window."""
        q, k, v = rearrange(self.qkv(self.norm(x)), "b n (h three d) -> three b h n d", three=3, h=self.heads)
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=self.attention_biases[:, self.attention_bias_idxs])
        out: Tensor = self.proj(rearrange(found, "b h n d -> b n (h d)"))
        return out


class FeedForward(nn.Module):
    """Normalise, widen, narrow."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.fc1 = nn.Linear(channels, channels * EXPANSION)
        self.fc2 = nn.Linear(channels * EXPANSION, channels)

    def forward(self, x: Tensor) -> Tensor:
        """B N C to the same."""
        out: Tensor = self.fc2(F.gelu(self.fc1(self.norm(x))))
        return out


class WindowBlock(nn.Module):
    """Attention in windows, a depthwise convolution across them, and a feed-forward layer."""

    def __init__(self, channels: int, *, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = Attention(channels, heads=heads, window=window)
        self.local_conv = ConvNorm(channels, channels, kernel=3, groups=channels)
        self.mlp = FeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W to the same."""
        height, width = x.shape[-2:]
        side = self.window
        padded = F.pad(x, (0, -width % side, 0, -height % side))
        rows, columns = padded.shape[-2] // side, padded.shape[-1] // side
        tokens = rearrange(padded, "b c (r i) (k j) -> (b r k) (i j) c", i=side, j=side)
        found = rearrange(self.attn(tokens), "(b r k) (i j) c -> b c (r i) (k j)", r=rows, k=columns, i=side)
        x = self.local_conv(x + found[..., :height, :width])
        return x + rearrange(self.mlp(rearrange(x, "b c h w -> b (h w) c")), "b (h w) c -> b c h w", h=height)


class Stage(nn.Module):
    """Some blocks, and the reduction to the next stage where there is one."""

    def __init__(self, blocks: list[nn.Module], downsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """B C H W to B C' H' W'."""
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class PatchEmbedding(nn.Module):
    """Each pixel to the first stage's channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(ConvNorm(3, channels // 2), nn.GELU(), ConvNorm(channels // 2, channels))

    def forward(self, x: Tensor) -> Tensor:
        """B 3 H W to B C H W."""
        out: Tensor = self.seq(x)
        return out


class TinyViT(nn.Module):
    """LiteMedSAM's image encoder; batch statistics are fixed, so that it must be in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(CHANNELS[0])
        self.layers = nn.ModuleList()
        for stage, channels in enumerate(CHANNELS):
            blocks: list[nn.Module] = [
                Bottleneck(channels) if stage == 0 else WindowBlock(channels, heads=HEADS[stage], window=WINDOWS[stage])
                for _ in range(DEPTHS[stage])
            ]
            last = stage == len(CHANNELS) - 1
            down = None if last else Reduction(channels, CHANNELS[stage + 1], stride=STRIDES[stage])
            self.layers.append(Stage(blocks, down))
        self.neck = nn.Sequential(
            nn.Conv2d(CHANNELS[-1], OUT_CHANNELS, 1, bias=False),
            LayerNorm2d(OUT_CHANNELS),
            nn.Conv2d(OUT_CHANNELS, OUT_CHANNELS, 3, padding=1, bias=False),
            LayerNorm2d(OUT_CHANNELS),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images (B 3 256 256) to embeddings (B 256 64 64)."""
        x = self.patch_embed(x)
        for stage in self.layers:
            x = stage(x)
        out: Tensor = self.neck(x)
        return out
