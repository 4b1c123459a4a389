"""Alone, a rank is all there is; several are tested by tests/pipelines/test_ranks.py, with processes of their own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from components.training.ranks import BUCKET_BYTES, Ranks, _buckets, current_ranks, summed_with_gradient


def test_alone_everything_is_as_it_was_given() -> None:
    ranks = current_ranks()
    layer = nn.Linear(2, 1)
    layer(torch.ones(1, 2)).sum().backward()
    before = [parameter.grad for parameter in layer.parameters()]
    ranks.add_gradients(list(layer.parameters()))
    ranks.start_alike(layer)
    assert all(one is parameter.grad for one, parameter in zip(before, layer.parameters(), strict=True))
    assert (ranks.size, ranks.first, ranks.summed([1.5, 2]), ranks.gathered("x")) == (1, True, [1.5, 2.0], ["x"])
    values = torch.ones(2)
    assert summed_with_gradient(values, ranks) is values


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_shares_are_a_partition(size: int) -> None:
    shares = [Ranks(rank, size).share(range(5)) for rank in range(size)]
    assert sorted(item for share in shares for item in share) == list(range(5))


def test_gradients_travel_in_buckets_of_one_type() -> None:
    large = nn.Parameter(torch.zeros(BUCKET_BYTES // 4, device="meta"))
    small, half = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    assert [len(bucket) for bucket in _buckets([small, large, small, half, half])] == [2, 1, 2]
