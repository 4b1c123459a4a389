"""SAM's ViT: the parameters of the published ViT-B, and the numbers of its authors' own code."""

from __future__ import annotations

import hashlib

import pytest
import torch

from components.evaluation.peers.networks.sam1 import Sam1, inclusive_box, load_sam1
from components.evaluation.peers.networks.vit import VIT_B, VisionTransformer, VitConfig

SMALL = VitConfig(channels=32, depth=3, heads=4, global_blocks=(1,), input_px=96, patch_px=8, window=5)
# Made with segment_anything 1.0 (ImageEncoderViT of the same size, parameters and input), torch 2.13.0 on a CPU.
PROBES = [0, 4607, 9215, 13823, 18431, 23039, 27647, 32255, 36863]
PUBLISHED = [-0.266268, -0.094487, -0.004148, -0.362926, 0.254145, 0.094988, 0.3168, -0.103446, -0.210916]


def formula_input(side: int) -> torch.Tensor:
    i, j = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.stack([((3 * i + 5 * j + 37 * c) % 256) / 255 for c in range(3)])[None].float()


@torch.no_grad()
def with_formula_parameters(network: torch.nn.Module) -> torch.nn.Module:
    for place, (name, parameter) in enumerate(sorted(network.named_parameters())):
        count = torch.arange(1, parameter.numel() + 1, dtype=torch.float64)
        values = 0.2 * torch.sin(0.37 * (place + 1) * count)
        offset = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        parameter.copy_((values.reshape(parameter.shape) + offset).float())
    return network.eval()


@torch.no_grad()
def test_the_encoder_gives_the_numbers_of_its_authors_code() -> None:
    """With windows that don't divide the side, so that padding counts, and one global block."""
    found = with_formula_parameters(VisionTransformer(SMALL))(formula_input(96))
    assert found.shape == (1, 256, 12, 12)
    assert found.flatten()[PROBES].tolist() == pytest.approx(PUBLISHED, abs=1e-4)


def test_the_parameters_are_those_of_the_published_vit_b() -> None:
    """Names and shapes of segment_anything 1.0's `sam_vit_b`, by their digest."""
    with torch.device("meta"):
        sam = Sam1(VisionTransformer(VIT_B), input_px=1024)
    names = {name: tuple(tensor.shape) for name, tensor in sam.state_dict().items()}
    for old, new in ((".layers.0.", ".lin1."), (".layers.1.", ".lin2.")):
        feed_forward = [name for name in names if "transformer.layers." in name and f".mlp{old}" in name]
        names |= {name.replace(f".mlp{old}", f".mlp{new}"): names.pop(name) for name in feed_forward}
    lines = sorted(f"{name} {shape}" for name, shape in names.items())
    assert len(lines) == 314
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert digest == "2a326f8855d290e081116dbf100a235308e9f12b6c76b54759db0f806cc5ea48"


def test_weights_that_lack_something_are_refused() -> None:
    config = VitConfig(channels=16, depth=1, heads=2, global_blocks=(), input_px=64, patch_px=16, window=4)
    state = Sam1(VisionTransformer(config), input_px=64).state_dict()
    load_sam1(VisionTransformer(config), state, input_px=64)
    del state["image_encoder.pos_embed"]
    with pytest.raises(RuntimeError, match="pos_embed"):
        load_sam1(VisionTransformer(config), state, input_px=64)


def test_a_half_open_box_becomes_first_and_last_pixel() -> None:
    assert inclusive_box((3, 4, 10, 20)) == (3, 4, 9, 19)
    assert inclusive_box((3, 4, 3.5, 4.5)) == (3, 4, 3, 4)
