"""A trunk's configuration to a `Segmenter`, through the `sam2` package's own configuration files.

Every size is SAM2.1's configuration file with overrides, so that whatever SAM2 sets besides stays SAM2's. Leaves
out: weights (components/teacher) and which sizes there are (components/teacher, components/students).
"""

from __future__ import annotations

from typing import Any, TypeAlias

from components.promptable.adapter import AdapterConfig
from components.promptable.decoder import SAM2_DECODER, DecoderConfig, resize_decoder
from components.promptable.segmenter import Segmenter
from components.promptable.trunks.hiera import HieraConfig
from components.promptable.trunks.rep import RepConfig

TrunkConfig: TypeAlias = HieraConfig | RepConfig
TRUNK_KINDS: dict[str, type[TrunkConfig]] = {kind.kind: kind for kind in (HieraConfig, RepConfig)}
"""Every kind of trunk by the name that a model folder states."""


def build_sam2(trunk: TrunkConfig, *, image_size_px: int, decoder: DecoderConfig = SAM2_DECODER) -> Any:
    """Build the whole SAM2.1 model (`SAM2Base`, memory included) on the CPU, with random weights."""
    # Importing sam2 initialises hydra with its configuration folder.
    import sam2  # noqa: F401
    from hydra import compose
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    overrides = [*trunk.overrides(image_size_px), f"++model.image_size={image_size_px}"]
    config = compose(config_name=f"configs/sam2.1/{trunk.sam2_config}", overrides=overrides)
    OmegaConf.resolve(config)
    sam2_base = instantiate(config.model, _recursive_=True)
    resize_decoder(sam2_base, decoder)
    return sam2_base


def build_segmenter(
    trunk: TrunkConfig,
    adapter: AdapterConfig,
    *,
    image_size_px: int,
    draws_prompts: bool,
    decoder: DecoderConfig = SAM2_DECODER,
) -> Segmenter:
    """Build a segmenter with random weights, in evaluation mode."""
    sam2 = build_sam2(trunk, image_size_px=image_size_px, decoder=decoder)
    segmenter = Segmenter(sam2, adapter=adapter, image_size_px=image_size_px, draws_prompts=draws_prompts)
    return segmenter.eval()
