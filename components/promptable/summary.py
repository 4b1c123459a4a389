"""A segmenter to the rows of the parameter table: what there is, what trains, and what the paper counted.

Published figures and what they are figures of stand in docs/model.md; here everything is counted from the networks.
Leaves out: multiply-accumulates and speed (the benchmarks).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from components.promptable.adapter import AdapterConfig
from components.promptable.build import TrunkConfig, build_sam2
from components.promptable.decoder import SAM2_DECODER, DecoderConfig
from components.promptable.segmenter import Segmenter

RELEASED_SOBEL_PER_BLOCK = 576


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """Parameters of one model, in single parameters.

    `sam2` is SAM2.1 as built, memory included, with its decoder or a student's own; `encoder` its trunk and neck with
    adapters; `adapters` all adapters with the edge stem; `total` SAM2.1 with adapters; `image_path` what a still image
    passes (no memory); `trainable` what trains on a frozen trunk (adapters, neck, decoder); `released_sobel` the fixed
    Sobel values that the released code counts as parameters on top.
    """

    name: str
    sam2: int
    trunk: int
    neck: int
    adapters: int
    prompt_encoder: int
    mask_decoder: int
    memory: int
    encoder: int
    total: int
    image_path: int
    trainable: int
    released_sobel: int


def count_parameters(module: nn.Module) -> int:
    """The number of parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def parameter_row(
    name: str,
    trunk: TrunkConfig,
    adapter: AdapterConfig,
    *,
    image_size_px: int,
    decoder: DecoderConfig = SAM2_DECODER,
) -> ParameterRow:
    """Build a model, with random weights, and count it."""
    sam2 = build_sam2(trunk, image_size_px=image_size_px, decoder=decoder)
    sam2_total = count_parameters(sam2)
    return _row(name, Segmenter(sam2, adapter=adapter, image_size_px=image_size_px), sam2_total)


def _row(name: str, segmenter: Segmenter, sam2_total: int) -> ParameterRow:
    stem = 0 if segmenter.trunk.edge_stem is None else count_parameters(segmenter.trunk.edge_stem)
    adapters = count_parameters(segmenter.trunk.adapters) + stem
    trunk, neck = count_parameters(segmenter.trunk) - adapters, count_parameters(segmenter.neck_convs)
    image_path = count_parameters(segmenter)
    segmenter.set_trainable(trunk=False)
    trainable = sum(p.numel() for p in segmenter.parameters() if p.requires_grad)
    blocks = len(segmenter.trunk.adapters) if stem else 0
    return ParameterRow(
        name=name,
        sam2=sam2_total,
        trunk=trunk,
        neck=neck,
        adapters=adapters,
        prompt_encoder=count_parameters(segmenter.prompt_encoder),
        mask_decoder=count_parameters(segmenter.mask_decoder) + count_parameters(segmenter.to_cells),
        memory=sam2_total + adapters - image_path,
        encoder=trunk + neck + adapters,
        total=sam2_total + adapters,
        image_path=image_path,
        trainable=trainable,
        released_sobel=blocks * RELEASED_SOBEL_PER_BLOCK,
    )


def as_record(row: ParameterRow) -> dict[str, Any]:
    """A row as JSON-ready values."""
    return {name: getattr(row, name) for name in ParameterRow.__slots__}
