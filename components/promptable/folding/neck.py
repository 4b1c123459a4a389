"""The neck and what the decoder makes of its levels, as one convolution of each stage's map to each level.

SAM2's neck brings every stage to 256 channels, adds coarser levels on the way down, and the decoder then brings strides
4 and 8 to 32 and 64 channels. All of it is linear on the channels of a cell, and doing so before or after a cell is
repeated (nearest neighbour) is the same: so each level is a sum of repeated 1x1 convolutions of the trunk's own
narrow maps, with one bias, in which the no-memory embedding disappears. Leaves out: the trunk (hiera.py).
"""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from components.promptable.folding.linear import Affine, affine, identity
from components.promptable.segmenter import LEVEL_STRIDES, Embedding, Segmenter


class FoldedNeck(nn.Module):
    """Four stages' maps (strides 4 to 32) to an `Embedding`."""

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__()
        like = segmenter.no_memory
        decoder = segmenter.mask_decoder
        heads = (
            affine(decoder.conv_s0),
            affine(decoder.conv_s1),
            _to_cells(segmenter).after(identity(like.shape[-1], like).shifted(like.detach().flatten())),
        )
        # For each level the stages that reach it, itself first: convolutions, and by how much each is repeated.
        self.levels = nn.ModuleList(_level(segmenter, level, head) for level, head in enumerate(heads))

    def forward(self, stages: list[Tensor]) -> Embedding:
        """Stages' maps B D H W, finest first."""
        s4, s8, s16 = (self._summed(stages, level) for level in range(len(LEVEL_STRIDES)))
        return Embedding(s4=s4, s8=s8, s16=s16)

    def _summed(self, stages: list[Tensor], level: int) -> Tensor:
        own, *coarser = cast(nn.ModuleList, self.levels[level])
        total: Tensor = own(stages[level])
        for steps, conv in enumerate(coarser, start=1):
            total = total + F.interpolate(conv(stages[level + steps]), scale_factor=2.0**steps, mode="nearest")
        return total


def _to_cells(segmenter: Segmenter) -> Affine:
    """What the decoder makes of the neck's level at stride 16; nothing, if it is as wide."""
    if isinstance(segmenter.to_cells, nn.Conv2d):
        return affine(segmenter.to_cells)
    return identity(segmenter.no_memory.shape[-1], segmenter.no_memory)


def _level(segmenter: Segmenter, level: int, head: Affine) -> nn.ModuleList:
    """The convolutions of one level's sum, of its own stage and of the coarser ones that are added top-down."""
    last = len(segmenter.neck_convs) - 1
    reach = level
    while reach in segmenter.top_down_levels and reach < last:
        reach += 1
    laterals = [affine(segmenter.neck_convs[last - stage].conv) for stage in range(level, reach + 1)]
    only_weight = Affine(head.weight, head.bias * 0)
    composed = [head.after(laterals[0]), *(only_weight.after(lateral) for lateral in laterals[1:])]
    # A constant repeated is the same constant: all biases are the first one's.
    biases = sum((each.bias for each in composed[1:]), start=composed[0].bias)
    merged = [Affine(composed[0].weight, biases), *(Affine(each.weight, each.bias * 0) for each in composed[1:])]
    return nn.ModuleList(each.conv(segmenter.no_memory) for each in merged)
