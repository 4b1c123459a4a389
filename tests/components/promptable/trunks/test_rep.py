"""Re-parameterised convolutions: folded they give the same numbers, and edges are a branch that can be switched off."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from components.errors import ParamsError
from components.promptable.adapter import AdapterConfig, sobel_kernels
from components.promptable.trunks.rep import AdaptedRep, EdgeBranch, RepBlock, RepTrunk, fold_trunk

WIDTHS, DEPTHS = [4, 6, 8, 12], [1, 2, 2, 1]
EDGES_ALONE = AdapterConfig(context=False)
NO_EDGES = (AdapterConfig(variant="none"), replace(AdapterConfig(), edge=False))


def trunk(config: AdapterConfig = EDGES_ALONE) -> AdaptedRep:
    """A trunk all of whose numbers, statistics included, are far from where they start."""
    generator = torch.Generator().manual_seed(1)
    made = AdaptedRep(RepTrunk(WIDTHS, DEPTHS), config)
    for name, values in made.state_dict().items():
        if "running_var" in name or name.endswith("norm_one.weight"):
            values.copy_(0.5 + torch.rand(values.shape, generator=generator))
        elif values.is_floating_point():
            values.copy_(0.4 * torch.randn(values.shape, generator=generator))
    return made.eval()


def images(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2)).to(dtype)


@pytest.mark.parametrize("config", [EDGES_ALONE, *NO_EDGES])
@pytest.mark.parametrize(("dtype", "within"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_folded_it_gives_the_same_numbers(config: AdapterConfig, dtype: torch.dtype, within: float) -> None:
    made = trunk(config).to(dtype)
    with torch.no_grad():
        ours = [stage.total for stage in made(images(dtype))]
        theirs = fold_trunk(made)(images(dtype))
    for expected, found in zip(ours, theirs, strict=True):
        assert found.dtype == dtype
        assert float((found - expected).abs().max()) <= within * float(expected.abs().max())
        assert float(expected.std()) > 0.1


def test_folded_it_is_one_convolution_a_block() -> None:
    made = trunk()
    folded = fold_trunk(made)
    assert {type(module).__name__ for module in folded.modules()} == {"FoldedRep", "ModuleList", "Conv2d"}
    assert len(folded.convs) == len(made.rep.blocks) == 1 + sum(DEPTHS)
    assert not any(parameter.requires_grad for parameter in folded.parameters())


def test_stages_halve_from_stride_four_and_end_before_the_activation() -> None:
    stages = trunk()(images())
    assert [tuple(stage.block.shape) for stage in stages] == [
        (2, width, size, size) for width, size in zip(WIDTHS, (16, 8, 4, 2), strict=True)
    ]
    assert all(stage.adapter is not None and stage.adapter.shape == stage.block.shape for stage in stages)
    assert all(bool((stage.total < 0).any()) for stage in stages)


@pytest.mark.parametrize("config", NO_EDGES)
def test_without_edges_there_is_no_adapter(config: AdapterConfig) -> None:
    made = trunk(config)
    assert len(made.adapters) == 0
    assert all(stage.adapter is None for stage in made(images()))


def test_as_released_is_refused() -> None:
    with pytest.raises(ParamsError, match="as_released"):
        AdaptedRep(RepTrunk(WIDTHS, DEPTHS), AdapterConfig(variant="as_released"))


def test_the_edge_branch_is_sobel_on_a_mix_of_channels() -> None:
    branch = EdgeBranch(RepBlock(1, 4, stride=1), scale=0.5)
    branch.mix.weight.data.fill_(2.0)
    branch.directions.data.copy_(torch.eye(4))
    step = torch.zeros(1, 1, 5, 6)
    step[..., 3:] = 1  # dark left, bright right
    found = branch(step)[0, :, 2]  # 4 W, away from the border
    at_the_step = sobel_kernels()[:, :, 2].sum(dim=1)  # what each kernel's bright column adds up to
    assert torch.allclose(found[:, 2], 0.5 * 2.0 * at_the_step)
    assert torch.equal(found[:, 1], torch.zeros(4))


def test_gradients_reach_mix_and_directions() -> None:
    made = trunk().train()
    sum(stage.total.square().mean() for stage in made(images())).backward()
    for branch in made.adapters:
        for name, parameter in branch.named_parameters():
            assert parameter.grad is not None and float(parameter.grad.abs().sum()) > 0, name
