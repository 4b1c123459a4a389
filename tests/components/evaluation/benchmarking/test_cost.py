"""Multiply-accumulates and parameters, by hand: a convolution, attention, and what comes into play in which call."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from components.evaluation.benchmarking.cost import cost_of
from components.promptable.embedding import Embedding, PromptBatch


class ByHand(nn.Module):
    """One convolution as encoder, attention among its pixels as decoder, and a layer that nothing uses."""

    image_size_px = 8
    device = torch.device("cpu")

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.query = nn.Linear(2, 16, bias=False)
        self.unused = nn.Linear(100, 100)

    def encode(self, images: Tensor) -> Embedding[Tensor]:
        found = self.conv(images)  # B 16 4 4
        return Embedding(s4=found, s8=found, s16=found)

    def decode(self, embedding: Embedding[Tensor], prompts: PromptBatch[Tensor]) -> tuple[Tensor, Tensor]:
        tokens = embedding.s16.flatten(2).mT[:, None]  # B 1 16 16
        found = F.scaled_dot_product_attention(self.query(prompts.coords)[:, None], tokens, tokens)
        return found[:, 0], found[:, 0, 0, 0]


def test_a_convolution_and_attention_counted_by_hand() -> None:
    found = cost_of(ByHand(), labels=(2, 3))
    # 4 x 4 outputs, 16 channels, 3 x 3 x 3 inputs each.
    assert found.encoder_gmacs * 1e9 == pytest.approx(4 * 4 * 16 * 27)
    # Two queries of 2 to 16 channels; their products with 16 keys, and with 16 values, of 16 channels.
    assert found.click_gmacs * 1e9 == pytest.approx(2 * 2 * 16 + 2 * (2 * 16 * 16))


def test_parameters_are_those_that_come_into_play() -> None:
    network = ByHand()
    found = cost_of(network)
    assert (found.encoder_parameters, found.click_parameters) == (16 * 27 + 16, 32)
    assert found.parameters == 16 * 27 + 16 + 32
    assert network.conv.weight.device.type == "cpu"
    assert network.conv.weight.requires_grad
