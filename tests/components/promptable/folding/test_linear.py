"""Layers after one another are one layer, biases and precision included."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from components.promptable.folding.linear import affine, identity


def test_two_layers_are_one() -> None:
    first, second = nn.Conv2d(3, 5, 1).double(), nn.Conv2d(5, 2, 1).double()
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    by = torch.tensor([1.0, -2.0], dtype=torch.float64)
    one = affine(second).after(affine(first)).shifted(by)
    expected = second(first(x)) + by[:, None, None]
    torch.testing.assert_close(one.conv(x)(x), expected, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(one.linear(x)(x.movedim(1, -1)).movedim(-1, 1), expected, atol=1e-12, rtol=1e-12)


def test_a_layer_without_bias_and_the_identity() -> None:
    layer = nn.Linear(4, 3, bias=False)
    x = torch.randn(5, 4)
    once = affine(layer).after(identity(4, x)).linear(x)
    assert torch.equal(once(x), layer(x)) and once.weight.dtype == torch.float32
    assert not any(parameter.requires_grad for parameter in once.parameters())


def test_a_wider_kernel_is_no_map_of_channels() -> None:
    with pytest.raises(AssertionError, match="one cell"):
        affine(nn.Conv2d(3, 5, 3))
