"""Hiera with CH-Adapters, folded: the position embedding a constant, the adapters two layers each.

The adapter's scale goes into its projections. The four Sobel kernels and the 1x1 convolution after them are one 3x3
kernel on one channel (the sum of the stem's four), so that the nine cells under it are nine more features beside the
context branch's, gathered once a stage and shared by its blocks, as the pooled edge map is. Leaves out: the blocks
themselves, which stay as they are but for attention to the whole map (pieces.py), and adapters `as_released`, whose
root of squares no layer can take in.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from components.promptable.adapter import CHAdapter
from components.promptable.folding.linear import Affine, affine
from components.promptable.folding.pieces import in_pieces
from components.promptable.trunks.hiera import AdaptedHiera

_TAPS = 9


class FoldedHiera(nn.Module):
    """Images (B 3 S S) of one size to four stages' features, B D H W, adapters' included."""

    position: Tensor

    def __init__(self, trunk: AdaptedHiera, image_size_px: int) -> None:
        super().__init__()
        hiera = trunk.hiera
        self.patch_embed = copy.deepcopy(hiera.patch_embed)
        self.blocks = copy.deepcopy(hiera.blocks)
        for block in self.blocks:
            in_pieces(block)
        self.stage_ends = tuple(hiera.stage_ends)
        self.edge_stem = copy.deepcopy(trunk.edge_stem)
        self.shares_taps = trunk.config.variant == "as_drawn"
        self.adapters = nn.ModuleList(
            FoldedAdapter(cast(CHAdapter, adapter)) if self.shares_taps else copy.deepcopy(adapter)
            for adapter in trunk.adapters
        )
        cells = image_size_px // hiera.patch_embed.proj.stride[0]
        with torch.no_grad():
            position = hiera._get_pos_embed((cells, cells)).contiguous()  # 1 S/4 S/4 C
        self.register_buffer("position", position)

    def forward(self, images: Tensor) -> list[Tensor]:
        patches = self.patch_embed(images)  # B S/4 S/4 C
        edge = None if self.edge_stem is None else self.edge_stem(patches)  # B 4 S/4 S/4
        x, given, stages = patches + self.position, edge, list[Tensor]()
        for index, block in enumerate(self.blocks):
            x = block(x)  # B H W D
            if self.adapters:
                begins = index == 0 or index - 1 in self.stage_ends
                if edge is not None and self.shares_taps and begins:
                    edge = _pooled(edge, int(x.shape[1]))
                    given = edge_taps(edge)
                x = x + self.adapters[index](x, given)
            if index in self.stage_ends:
                stages.append(rearrange(x, "b h w d -> b d h w"))
        return stages


class FoldedAdapter(nn.Module):
    """An adapter as drawn: a block's output (B H W D) and its stage's taps (B H W 9) to the adapter's feature."""

    def __init__(self, adapter: CHAdapter) -> None:
        super().__init__()
        config = adapter.config
        parts: list[Affine] = []
        self.down = copy.deepcopy(adapter.down) if config.context else None
        if config.context:
            parts.append(affine(adapter.up))
        if config.edge:
            kernels = adapter.kernels.double().flatten(1)  # 4 9
            parts.append(affine(adapter.spread).after(Affine(kernels, kernels[:, 0] * 0)))
        mixed = Affine(
            torch.cat([part.weight for part in parts], dim=1) * config.scale,
            torch.stack([part.bias for part in parts]).sum(dim=0) * config.scale,
        )
        self.mix = mixed.linear(next(adapter.parameters()))

    def forward(self, x: Tensor, taps: Tensor | None) -> Tensor:
        features: list[Tensor] = []
        if self.down is not None:
            features.append(F.gelu(self.down(x)))
        if taps is not None:
            features.append(taps)
        mixed: Tensor = self.mix(torch.cat(features, dim=-1))
        return mixed


def edge_taps(edge: Tensor) -> Tensor:
    """An edge map (B 4 H W) to the 3x3 cells around each cell of its channels' sum, B H W 9, the border replicated."""
    height, width = int(edge.shape[2]), int(edge.shape[3])
    padded = F.pad(edge.sum(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")[:, 0]  # B H+2 W+2
    shifts = [padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    assert len(shifts) == _TAPS
    return torch.stack(shifts, dim=-1)


def _pooled(edge: Tensor, height: int) -> Tensor:
    """An edge map at the size of a stage; the largest of the largest is the largest, so that one stage's serves the
    next."""
    ratio, rest = divmod(int(edge.shape[2]), height)
    assert rest == 0, "stages halve, as images are multiples of 32 px"
    return edge if ratio == 1 else F.max_pool2d(edge, ratio)
