"""SAM2's Hiera with a CH-Adapter after every block: an image becomes the features of its four stages.

The trunk itself is the `sam2` package's object, whose blocks are called one by one; nothing of it is rewritten or
patched, so official weights load into it as they are. Leaves out: the neck (segmenter.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from einops import rearrange
from sam2.modeling.backbones.hieradet import Hiera
from torch import Tensor, nn

from components.promptable.adapter import AdapterConfig, CHAdapter, EdgeStem
from components.promptable.trunks.features import StageFeature, Trunk


@dataclass(frozen=True, slots=True)
class HieraConfig:
    """A Hiera: one of SAM2.1's configuration files, and what differs from it (None: as in the file).

    `stages` are blocks a stage, `window_spec` their attention windows in tokens, `global_att_blocks` the blocks
    that attend to the whole map.
    """

    kind: ClassVar[str] = "hiera"

    sam2_config: str
    embed_dim: int | None = None
    stages: tuple[int, ...] | None = None
    global_att_blocks: tuple[int, ...] | None = None
    window_spec: tuple[int, ...] | None = None

    def overrides(self) -> list[str]:
        """Hydra overrides of the SAM2.1 file."""
        trunk = "++model.image_encoder.trunk"
        lines = [
            f"{trunk}.{key}={list(value) if isinstance(value, tuple) else value}"
            for key, value in (
                ("embed_dim", self.embed_dim),
                ("stages", self.stages),
                ("global_att_blocks", self.global_att_blocks),
                ("window_spec", self.window_spec),
            )
            if value is not None
        ]
        if self.embed_dim is not None:
            widths = [self.embed_dim * factor for factor in (8, 4, 2, 1)]
            lines.append(f"++model.image_encoder.neck.backbone_channel_list={widths}")
        return lines


class AdaptedHiera(Trunk):
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
