"""The Context-Edge Hybrid Adapter (CH-Adapter) of UniUltra (arXiv 2511.15771, framework figure).

A block's output (B H W D) becomes the adapter's feature of the same shape: a context branch (D to D/4, GELU, back
to D) and an edge branch (oriented edges of the patch embedding, four maps, 1x1 convolution to D) are summed and
scaled. The edge stem runs once an image; each adapter pools its map to the size of its own block.

Leaves out: where adapters are attached (trunk.py), and which parameters train (segmenter.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from components.params import AdapterParams

EDGE_CHANNELS = 4
Variant = Literal["as_drawn", "as_released", "none"]


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """Which adapter: its variant, its branches (for ablation), and the scale of their sum."""

    variant: Variant = "as_drawn"
    context: bool = True
    edge: bool = True
    scale: float = 0.5


def adapter_config(params: AdapterParams) -> AdapterConfig:
    """The adapter that the parameters describe, a teacher's or a student's."""
    return AdapterConfig(variant=params.variant, context=params.context, edge=params.edge, scale=params.scale)


def sobel_kernels() -> Tensor:
    """The four Sobel kernels at 0, 45, 90 and 135 degrees (direction of the gradient), 4 3 3.

    A step from dark (left) to bright (right) answers positively at 0 degrees; from dark (top) to bright (bottom) at
    90. The diagonals are the horizontal kernel turned by one place about its centre.
    """
    return torch.tensor(
        [
            [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]],
            [[-2.0, -1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 1.0, 2.0]],
            [[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]],
            [[0.0, -1.0, -2.0], [1.0, 0.0, -1.0], [2.0, 1.0, 0.0]],
        ]
    )


class EdgeStem(nn.Module):
    """The patch embedding (B H W C) to four channels in which edges are sought (B 4 H W), once an image."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(embed_dim, EDGE_CHANNELS, kernel_size=3, padding=1)

    def forward(self, patches: Tensor) -> Tensor:
        return F.gelu(self.conv(rearrange(patches, "b h w c -> b c h w")))


def directional_edges(channels: Tensor, kernels: Tensor) -> Tensor:
    """One map for each direction: the Sobel response summed over the channels.

    Parameters
    ----------
    channels
        B 4 H W.
    kernels
        4 3 3, of `sobel_kernels`. The border is replicated, so that the frame of the image is no edge.

    Returns
    -------
    Tensor
        B 4 H W; channel d is the response at direction d.
    """
    padded = F.pad(channels.sum(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")  # B 1 H+2 W+2
    return F.conv2d(padded, kernels[:, None].to(padded.dtype))  # B 4 H W


def released_edges(channels: Tensor, kernels: Tensor) -> Tensor:
    """The edge map as the released code computes it, for ablation only: B 4 H W.

    It keeps that code's faults: no gradient reaches the stem, height and width are swapped while the memory is read
    in the old order, and one root of the sum of squares stands in all four channels.
    """
    detached = channels.detach()
    scrambled = rearrange(detached, "b c h w -> b (w h) c").reshape(detached.shape)
    magnitude = directional_edges(scrambled, kernels).square().sum(dim=1, keepdim=True).sqrt()
    return magnitude.expand(-1, EDGE_CHANNELS, -1, -1)


class CHAdapter(nn.Module):
    """One adapter for blocks of width `dim`; see the module's docstring.

    Output projections start near zero, so that a freshly adapted SAM2 starts as SAM2 (the paper doesn't say).
    """

    kernels: Tensor

    def __init__(self, dim: int, config: AdapterConfig) -> None:
        super().__init__()
        self.config = config
        if config.context:
            self.down = nn.Linear(dim, dim // 4)
            self.up = nn.Linear(dim // 4, dim)
            _start_small(self.up)
        if config.edge:
            # Fixed kernels are a buffer; the released code counts 576 of them as parameters in every block.
            self.register_buffer("kernels", sobel_kernels(), persistent=False)
            self.spread = nn.Conv2d(EDGE_CHANNELS, dim, kernel_size=1)
            _start_small(self.spread)

    def forward(self, x: Tensor, edge: Tensor | None) -> Tensor:
        """Compute the adapter's feature.

        Parameters
        ----------
        x
            The block's output, B H W D.
        edge
            The edge stem's map at the patch embedding's size, B 4 kH kW; None where the edge branch is off.
        """
        branches: list[Tensor] = []
        if self.config.context:
            branches.append(self.up(F.gelu(self.down(x))))
        if self.config.edge:
            if edge is None:
                raise ValueError("an adapter with an edge branch needs the edge stem's map")
            # Whole numbers also where ONNX's exporter, while it traces, has sizes as tensors.
            branches.append(self._edge_feature(edge, size_hw=(int(x.shape[1]), int(x.shape[2]))))
        # In the block's precision, also where autocast gives the branches less.
        return reduce(torch.add, (branch.to(x.dtype) for branch in branches)) * self.config.scale

    def _edge_feature(self, edge: Tensor, *, size_hw: tuple[int, int]) -> Tensor:
        pooled = F.adaptive_max_pool2d(edge, size_hw)  # B 4 H W
        edges = released_edges if self.config.variant == "as_released" else directional_edges
        return rearrange(self.spread(edges(pooled, self.kernels)), "b c h w -> b h w c")


def _start_small(layer: nn.Linear | nn.Conv2d) -> None:
    nn.init.trunc_normal_(layer.weight, std=0.02)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
