"""Linear layers after one another to one: the algebra that folding rests on, in float64 whatever the layers are in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Affine:
    """x -> weight x + bias on the channels of every cell, in float64: weight (out in), bias (out)."""

    weight: Tensor
    bias: Tensor

    def after(self, first: Affine) -> Affine:
        """This one on what `first` gives."""
        return Affine(self.weight @ first.weight, self.weight @ first.bias + self.bias)

    def shifted(self, by: Tensor) -> Affine:
        """The same, and a constant (out) added to all that comes out."""
        return Affine(self.weight, self.bias + by.double())

    def conv(self, like: Tensor) -> nn.Conv2d:
        """As a 1x1 convolution in the precision and on the device of `like`."""
        layer = nn.Conv2d(self.weight.shape[1], self.weight.shape[0], kernel_size=1)
        layer.weight = constant(self.weight[:, :, None, None], like)
        layer.bias = constant(self.bias, like)
        return layer

    def linear(self, like: Tensor) -> nn.Linear:
        """As a layer on the last axis, in the precision and on the device of `like`."""
        layer = nn.Linear(self.weight.shape[1], self.weight.shape[0])
        layer.weight, layer.bias = constant(self.weight, like), constant(self.bias, like)
        return layer


def affine(layer: nn.Conv2d | nn.Linear) -> Affine:
    """A linear layer or a 1x1 convolution as what it does to the channels of a cell."""
    weight = layer.weight.detach().double().flatten(1)  # out in
    assert weight.shape[1] == layer.weight.shape[1], "only a kernel of one cell is a map of channels"
    bias = torch.zeros_like(weight[:, 0]) if layer.bias is None else layer.bias.detach().double()
    return Affine(weight, bias)


def identity(channels: int, like: Tensor) -> Affine:
    """What changes nothing."""
    eye = torch.eye(channels, dtype=torch.float64, device=like.device)
    return Affine(eye, torch.zeros_like(eye[0]))


def constant(values: Tensor, like: Tensor) -> nn.Parameter:
    """A copy of values as a parameter that doesn't train, in the precision and on the device of `like`."""
    copied = values.detach().to(like, copy=True).contiguous()
    return nn.Parameter(copied, requires_grad=False)
