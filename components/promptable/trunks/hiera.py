"""SAM2's Hiera with a CH-Adapter after every block: an image becomes the features of its four stages.

The trunk itself is the `sam2` package's object, whose blocks are called one by one; nothing of it is rewritten or
patched, so official weights load into it as they are. Leaves out: the neck (segmenter.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from einops import rearrange
from sam2.modeling.backbones.hieradet import Hiera
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from components.promptable.adapter import AdapterConfig, CHAdapter, EdgeStem
from components.promptable.trunks.features import StageFeature, Trunk
from components.promptable.trunks.pooled import PooledHiera

_FIRST_STRIDE = 4


@dataclass(frozen=True, slots=True)
class HieraConfig:
    """A Hiera: one of SAM2.1's configuration files, and what differs from it (None: as in the file).

    `stages` are blocks a stage, `window_spec` their attention windows in tokens, `global_att_blocks` the blocks
    that attend to the whole map. `num_heads` are the first stage's heads, `head_mul` how many times more each next
    stage has. With `windows_divide` a window is the largest that divides its stage's map and isn't larger than
    `window_spec` says, so that nothing is padded; with `pools_keys` global blocks pool keys and values (pooled.py).
    """

    kind: ClassVar[str] = "hiera"

    sam2_config: str
    embed_dim: int | None = None
    stages: tuple[int, ...] | None = None
    global_att_blocks: tuple[int, ...] | None = None
    window_spec: tuple[int, ...] | None = None
    num_heads: int | None = None
    head_mul: int | None = None
    windows_divide: bool = False
    pools_keys: bool = False

    def overrides(self, image_size_px: int) -> list[str]:
        """Hydra overrides of the SAM2.1 file, for images of this side."""
        windows = self.window_spec
        if windows is not None and self.windows_divide:
            windows = dividing_windows(windows, image_size_px=image_size_px)
        trunk = "++model.image_encoder.trunk"
        lines = [
            f"{trunk}.{key}={list(value) if isinstance(value, tuple) else value}"
            for key, value in (
                ("embed_dim", self.embed_dim),
                ("stages", self.stages),
                ("global_att_blocks", self.global_att_blocks),
                ("window_spec", windows),
                ("num_heads", self.num_heads),
                ("head_mul", self.head_mul),
                ("_target_", f"{PooledHiera.__module__}.{PooledHiera.__name__}" if self.pools_keys else None),
            )
            if value is not None
        ]
        if self.embed_dim is not None:
            widths = [self.embed_dim * factor for factor in (8, 4, 2, 1)]
            lines.append(f"++model.image_encoder.neck.backbone_channel_list={widths}")
        return lines


def dividing_windows(limits: tuple[int, ...], *, image_size_px: int) -> tuple[int, ...]:
    """For each stage the largest window, in tokens, that divides the stage's map and is at most its limit.

    A stage's first block attends in the window before it and halves the map, so all but the last window are even.
    """
    windows: list[int] = []
    for stage, limit in enumerate(limits):
        tokens = image_size_px // (_FIRST_STRIDE * 2**stage)
        step = 1 if stage == len(limits) - 1 else 2
        windows.append(max(size for size in range(step, limit + 1, step) if tokens % size == 0))
    return tuple(windows)


class AdaptedHiera(Trunk):
    """Hiera's blocks with an adapter after each (paper, framework figure: the adapter follows the block)."""

    can_recompute: ClassVar[bool] = True

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
        for index in range(len(self.hiera.blocks)):
            if self.recomputes and torch.is_grad_enabled():
                out, added = checkpoint(self._adapted_block, index, x, edge, use_reentrant=False)
            else:
                out, added = self._adapted_block(index, x, edge)
            if index in self.hiera.stage_ends:
                stages.append(StageFeature(_channels_first(out), None if added is None else _channels_first(added)))
            x = out if added is None else out + added
        return stages

    def _adapted_block(self, index: int, x: Tensor, edge: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """A block's output, B H W D, and its adapter's feature."""
        out: Tensor = self.hiera.blocks[index](x)
        return out, self.adapters[index](out, edge) if self.adapters else None


def _channels_first(x: Tensor) -> Tensor:
    return rearrange(x, "b h w d -> b d h w")
