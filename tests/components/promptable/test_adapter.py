"""The adapter: shapes, the place and direction of edges, gradients, and what each branch adds."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from components.promptable.adapter import (
    AdapterConfig,
    CHAdapter,
    EdgeStem,
    directional_edges,
    released_edges,
    sobel_kernels,
)


def patch_map(rows: slice, columns: slice, *, size_hw: tuple[int, int] = (16, 24)) -> torch.Tensor:
    """Four channels (1 4 H W) that are 1 on one rectangle."""
    channels = torch.zeros(1, 4, *size_hw)
    channels[:, :, rows, columns] = 1
    return channels


def extent(map_hw: torch.Tensor) -> tuple[int, int, int, int]:
    """First and last row, first and last column in which a map isn't zero."""
    rows, columns = torch.nonzero(map_hw.abs() > 1e-6, as_tuple=True)
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


def test_an_asymmetric_edge_comes_out_where_it_went_in() -> None:
    edges = directional_edges(patch_map(slice(2, 7), slice(9, 14)), sobel_kernels())
    for direction in range(4):
        assert extent(edges[0, direction]) == (1, 7, 8, 14)


def test_the_released_code_puts_that_edge_elsewhere() -> None:
    channels = patch_map(slice(2, 7), slice(9, 14))
    edges = released_edges(channels, sobel_kernels())
    assert extent(edges[0, 0]) != (1, 7, 8, 14)
    assert torch.equal(edges[:, 0], edges[:, 3]), "one map stands in all four channels"


def test_directions_are_four_different_maps_with_the_right_signs() -> None:
    bright_right = torch.zeros(1, 4, 5, 6)
    bright_right[..., 3:] = 0.25  # the four channels sum to 1
    edges = directional_edges(bright_right, sobel_kernels())[0, :, 2, 2]
    assert edges.tolist() == [4.0, 3.0, 0.0, -3.0]
    bright_below = torch.zeros(1, 4, 6, 5)
    bright_below[..., 3:, :] = 0.25
    edges = directional_edges(bright_below, sobel_kernels())[0, :, 2, 2]
    assert edges.tolist() == [0.0, 3.0, 4.0, 3.0]


def test_the_frame_of_a_flat_image_is_no_edge() -> None:
    assert directional_edges(torch.ones(1, 4, 6, 7), sobel_kernels()).abs().max() == 0


@pytest.mark.parametrize("stage_hw", [(16, 24), (8, 12), (2, 3)])
def test_an_adapter_keeps_the_shape_of_its_block(stage_hw: tuple[int, int]) -> None:
    adapter = CHAdapter(32, AdapterConfig())
    x = torch.randn(2, *stage_hw, 32)
    assert adapter(x, torch.randn(2, 4, 16, 24)).shape == x.shape


def test_the_edge_feature_stays_in_place_through_the_whole_adapter() -> None:
    adapter = CHAdapter(8, AdapterConfig(context=False))
    with torch.no_grad():
        feature = adapter(torch.zeros(1, 16, 24, 8), patch_map(slice(2, 7), slice(9, 14)))
    assert extent(feature[0].abs().sum(dim=-1)) == (1, 7, 8, 14)


@pytest.mark.parametrize(("variant", "reached"), [("as_drawn", True), ("as_released", False)])
def test_gradients_reach_the_edge_convolution_as_drawn_only(variant: str, reached: bool) -> None:
    config = replace(AdapterConfig(), variant=variant)  # type: ignore[arg-type]
    stem, adapter = EdgeStem(16), CHAdapter(32, config)
    adapter(torch.randn(1, 4, 4, 32), stem(torch.randn(1, 8, 8, 16))).square().sum().backward()
    gradient = stem.conv.weight.grad
    assert (gradient is not None and bool(gradient.abs().sum() > 0)) is reached


def test_each_branch_adds_what_the_other_does_not() -> None:
    torch.manual_seed(0)
    whole = CHAdapter(16, AdapterConfig())
    x, edge = torch.randn(1, 4, 4, 16), torch.randn(1, 4, 8, 8)
    parts = []
    for config in (AdapterConfig(edge=False), AdapterConfig(context=False)):
        part = CHAdapter(16, config)
        part.load_state_dict({k: v for k, v in whole.state_dict().items() if k in part.state_dict()})
        parts.append(part(x, edge))
    assert not torch.allclose(parts[0], parts[1])
    assert all(bool(part.abs().sum() > 0) for part in parts)
    torch.testing.assert_close(whole(x, edge), parts[0] + parts[1])


def test_the_scale_multiplies_the_sum() -> None:
    adapter = CHAdapter(16, AdapterConfig())
    x, edge = torch.randn(1, 4, 4, 16), torch.randn(1, 4, 8, 8)
    half = adapter(x, edge)
    adapter.config = AdapterConfig(scale=1.0)
    torch.testing.assert_close(adapter(x, edge), 2 * half)


def test_sobel_kernels_are_no_parameters() -> None:
    names = {name for name, _ in CHAdapter(16, AdapterConfig()).named_parameters()}
    assert names == {"down.weight", "down.bias", "up.weight", "up.bias", "spread.weight", "spread.bias"}


def test_an_edge_branch_without_a_map_is_refused() -> None:
    with pytest.raises(ValueError, match="edge stem"):
        CHAdapter(16, AdapterConfig())(torch.zeros(1, 4, 4, 16), None)
