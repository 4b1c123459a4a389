"""A folded Hiera gives the trunk's features, whichever branches its adapters have, with padded windows and without."""

from __future__ import annotations

import pytest
import torch

from components.promptable.adapter import AdapterConfig
from components.promptable.folding.hiera import FoldedHiera, edge_taps
from components.promptable.trunks.hiera import AdaptedHiera
from tests.components.promptable.conftest import PADDED, TINY
from tests.components.promptable.folding.conftest import apart, images, moved


@torch.inference_mode()
@pytest.mark.parametrize(
    ("adapter", "size_px"),
    [
        (AdapterConfig(), 96),
        (AdapterConfig(context=False, scale=0.3), 64),
        (AdapterConfig(edge=False), 64),
        (AdapterConfig(variant="as_released"), 64),
        (AdapterConfig(variant="none"), 64),
    ],
)
def test_every_stage_is_the_same(adapter: AdapterConfig, size_px: int) -> None:
    trunk = moved(PADDED if size_px == 64 else TINY, adapter, size_px=size_px, seed=size_px).trunk
    assert isinstance(trunk, AdaptedHiera)
    given = images(size_px, seed=1)
    for found, stage in zip(FoldedHiera(trunk, size_px)(given), trunk(given), strict=True):
        assert apart(found, stage.total) < 1e-10
        assert stage.adapter is None or float(stage.adapter.abs().max()) > 1e-3


def test_the_border_of_the_taps_is_replicated() -> None:
    edge = torch.arange(6.0).reshape(1, 1, 2, 3).expand(1, 4, 2, 3) / 4
    taps = edge_taps(edge)
    assert taps.shape == (1, 2, 3, 9)
    assert taps[0, 0, 0].tolist() == [0, 0, 1, 0, 0, 1, 3, 3, 4]
    assert taps[0, 1, 2].tolist() == [1, 2, 2, 4, 5, 5, 4, 5, 5]
