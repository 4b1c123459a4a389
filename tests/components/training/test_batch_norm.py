"""Shared batch normalisation: as torch's with one rank, and by hand with another one's sums added."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from components.training import batch_norm
from components.training.batch_norm import SharedBatchNorm2d, share_batch_norm
from components.training.ranks import Ranks


def layer() -> nn.BatchNorm2d:
    made = nn.BatchNorm2d(3)
    nn.init.normal_(made.weight, generator=torch.Generator().manual_seed(1))
    nn.init.normal_(made.bias, generator=torch.Generator().manual_seed(2))
    return made


def test_every_layer_of_a_network_is_replaced_and_keeps_its_names() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), layer(), nn.Sequential(layer(), nn.ReLU()))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert share_batch_norm(network, Ranks(0, 2)) == 2
    after = network.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert isinstance(network[1], SharedBatchNorm2d)


@pytest.mark.parametrize("counted", [True, False])
def test_statistics_are_those_of_both_ranks(counted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """This rank has the first two of five images, or an image that counts nothing beside all five of the other's."""
    images = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    mine, others = (images[:2], images[2:]) if counted else (images[:1], images)
    mine = mine.clone().requires_grad_()
    whole = images.clone().requires_grad_()
    expected_layer = layer()
    expected = expected_layer(whole)[: len(mine)]

    total = images.mean(dim=(0, 2, 3))
    said = [
        torch.cat([others.sum(dim=(0, 2, 3)), torch.tensor([float(others.numel() // 3)])]),
        (others - total[:, None, None]).square().sum(dim=(0, 2, 3)),
    ]

    def with_the_other(values: Tensor, _ranks: Ranks) -> Tensor:
        return values + said.pop(0)

    monkeypatch.setattr(batch_norm, "summed_with_gradient", with_the_other)
    ranks = Ranks(0, 2)
    ranks.counted = counted
    shared = SharedBatchNorm2d(layer(), ranks)
    torch.testing.assert_close(shared(mine), expected)
    torch.testing.assert_close(shared.running_mean, expected_layer.running_mean)
    torch.testing.assert_close(shared.running_var, expected_layer.running_var)
    shared.eval()
    expected_layer.eval()
    torch.testing.assert_close(shared(images), expected_layer(images))
