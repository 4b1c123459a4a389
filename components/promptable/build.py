"""A Hiera configuration to a `Segmenter`, through the `sam2` package's own configuration files.

Every size is SAM2.1's configuration file with overrides, so that whatever SAM2 sets besides stays SAM2's. Leaves
out: weights (components/teacher) and which sizes there are (components/teacher, components/students).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.promptable.adapter import AdapterConfig
from components.promptable.segmenter import Segmenter


@dataclass(frozen=True, slots=True)
class HieraConfig:
    """A trunk: one of SAM2.1's configuration files, and what differs from it (None: as in the file).

    `stages` are blocks a stage, `window_spec` their attention windows in tokens, `global_att_blocks` the blocks
    that attend to the whole map.
    """

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


def build_sam2(hiera: HieraConfig, *, image_size_px: int) -> Any:
    """Build the whole SAM2.1 model (`SAM2Base`, memory included) on the CPU, with random weights."""
    # Importing sam2 initialises hydra with its configuration folder.
    import sam2  # noqa: F401
    from hydra import compose
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    overrides = [*hiera.overrides(), f"++model.image_size={image_size_px}"]
    config = compose(config_name=f"configs/sam2.1/{hiera.sam2_config}", overrides=overrides)
    OmegaConf.resolve(config)
    return instantiate(config.model, _recursive_=True)


def build_segmenter(
    hiera: HieraConfig, adapter: AdapterConfig, *, image_size_px: int, draws_prompts: bool
) -> Segmenter:
    """Build a segmenter with random weights, in evaluation mode."""
    sam2 = build_sam2(hiera, image_size_px=image_size_px)
    return Segmenter(sam2, adapter=adapter, image_size_px=image_size_px, draws_prompts=draws_prompts).eval()
