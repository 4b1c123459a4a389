"""SAM2's Hiera with a CH-Adapter after every block: an image becomes the features of its four stages.

The trunk itself is the `sam2` package's object, whose blocks are called one by one; nothing of it is rewritten or
patched, so official weights load into it as they are. Leaves out: the neck (segmenter.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from einops import rearrange
from sam2.modeling.backbones.hieradet import Hiera
from torch import Tensor, nn

from components.promptable.adapter import AdapterConfig, CHAdapter, EdgeStem


@dataclass(frozen=True, slots=True)
class StageFeature:
    """What a stage ends with, B D H W: the last block's output, and its adapter's feature (None without one)."""

    block: Tensor
    adapter: Tensor | None

    @property
    def total(self) -> Tensor:
        """The sum, which the next stage and the neck take."""
        return self.block if self.adapter is None else self.block + self.adapter


class AdaptedHiera(nn.Module):
    """Hiera's blocks with an adapter after each (paper, framework figure: the adapter follows the block)."""

    def __init__(self, hiera: Hiera, config: AdapterConfig) -> None:
        super().__init__()
        self.hiera = hiera
        self.config = config
        adapted = config.variant != "none" and (config.context or config.edge)
        self.edge_stem = EdgeStem(hiera.blocks[0].dim) if adapted and config.edge else None
        self.adapters = nn.ModuleList(CHAdapter(block.dim_out, config) for block in hiera.blocks if adapted)

    def forward(self, images: Tensor) -> list[StageFeature]:
        """Turn images (B 3 S S) into four stages' features, strides 4, 8, 16 and 32, widths as in `hiera`."""
        patches = self.hiera.patch_embed(images)  # B S/4 S/4 C
        edge = None if self.edge_stem is None else self.edge_stem(patches)
        x = patches + self.hiera._get_pos_embed(patches.shape[1:3])
        stages: list[StageFeature] = []
        for index, block in enumerate(self.hiera.blocks):
            out = block(x)  # B H W D
            added = self.adapters[index](out, edge) if self.adapters else None
            if index in self.hiera.stage_ends:
                stages.append(StageFeature(_channels_first(out), None if added is None else _channels_first(added)))
            x = out if added is None else out + added
        return stages


def _channels_first(x: Tensor) -> Tensor:
    return rearrange(x, "b h w d -> b d h w")
