"""Segmenters whose every weight has moved, so that no term of theirs is nought by chance, and how to compare."""

from __future__ import annotations

import torch
from torch import Tensor

from components.promptable.adapter import AdapterConfig
from components.promptable.build import TrunkConfig, build_segmenter
from components.promptable.decoder import SAM2_DECODER, DecoderConfig
from components.promptable.segmenter import NO_PREVIOUS, Embedding, PromptBatch, Segmenter

LEVELS = ("s4", "s8", "s16")


def moved(
    trunk: TrunkConfig,
    adapter: AdapterConfig,
    *,
    size_px: int = 64,
    seed: int,
    draws_prompts: bool = False,
    decoder: DecoderConfig = SAM2_DECODER,
) -> Segmenter:
    """A segmenter with random weights, biases and statistics, in float64."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        segmenter = build_segmenter(trunk, adapter, image_size_px=size_px, draws_prompts=draws_prompts, decoder=decoder)
        for parameter in segmenter.parameters():
            parameter.data += 0.05 * torch.randn(parameter.shape)
        for norm in (module for module in segmenter.modules() if isinstance(module, torch.nn.BatchNorm2d)):
            norm.running_mean, norm.running_var = (
                0.1 * torch.randn(norm.num_features),
                1 + torch.rand(norm.num_features),
            )
    # SAM2 rounds places to float32, and multiplies them by a matrix that is then float64.
    places = segmenter.double().prompt_encoder.pe_layer
    encoding = places._pe_encoding
    places._pe_encoding = lambda coords: encoding(coords.to(places.positional_encoding_gaussian_matrix.dtype))
    return segmenter


def prompts(size_px: int, *, seed: int) -> PromptBatch:
    """Prompts of every kind on two images, half of them with a previous mask, float64; the last one says nothing.

    Places are such that float32 holds them as shares of the image.
    """
    generator = torch.Generator().manual_seed(seed)
    coords = torch.randint(0, 65, (5, 4, 2), generator=generator).double() * size_px / 64 - 0.5
    labels = torch.tensor([[2, 3, -1, -1], [2, 3, 1, 0], [1, -1, -1, -1], [0, 1, 1, -1], [-1, -1, -1, -1]])
    previous = torch.rand(5, size_px // 4, size_px // 4, dtype=torch.float64, generator=generator)
    previous[[0, 2]] = NO_PREVIOUS
    return PromptBatch(torch.tensor([0, 1, 1, 0, 1]), coords, labels, previous)


def images(size_px: int, *, seed: int, count: int = 2) -> Tensor:
    """Random inputs, B 3 S S, float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, size_px, size_px, dtype=torch.float64, generator=generator)


def apart(found: Tensor, expected: Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    return float((found - expected).abs().max() / expected.abs().max())


def embeddings_apart(found: Embedding, expected: Embedding) -> float:
    """The largest of the three levels' differences."""
    return max(apart(getattr(found, level), getattr(expected, level)) for level in LEVELS)
