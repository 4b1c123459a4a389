"""Re-parameterised convolutions with the CH-Adapter's edge prior: many branches in training, one 3x3 at inference.

As RepVGG (Ding et al. 2021, arXiv 2101.03697) a block is the sum of a 3x3 and a 1x1 convolution and, where sizes allow,
the identity, each with its batch normalisation. The adapter of a block is a further branch beside it, as in an
edge-oriented block (Zhang et al. 2021, ECBSR): a 1x1 convolution, then the four Sobel kernels, weighted by scales that
are learnt. All of it is linear in the block's input: a trained block folds exactly into one convolution (`fold_trunk`).

Differs from paper: the CH-Adapter's context branch and the GELU of its edge stem aren't linear and can't be folded, so
they aren't there; the edges are those of each block's own input, and its border is zero instead of replicated, as a
convolution's is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from components.errors import ParamsError
from components.promptable.adapter import AdapterConfig, sobel_kernels
from components.promptable.trunks.features import StageFeature, Trunk

_RGB = 3
_EDGE_START = 1e-3  # ECBSR's


@dataclass(frozen=True, slots=True)
class RepConfig:
    """Channels and blocks of the four stages at strides 4, 8, 16 and 32; a stem at stride 2 goes before them.

    The first block of each stage halves the map.
    """

    kind: ClassVar[str] = "rep"
    sam2_config: ClassVar[str] = "sam2.1_hiera_t.yaml"  # where prompt encoder, decoder and the neck's plan come from

    widths: tuple[int, ...] = (16, 32, 64, 128)
    depths: tuple[int, ...] = (1, 2, 6, 2)

    def overrides(self, image_size_px: int) -> list[str]:  # noqa: ARG002  # convolutions take any size
        """Hydra overrides of the SAM2.1 file: this trunk in the Hiera's place."""
        trunk = "model.image_encoder.trunk"
        return [
            f"~{trunk}",
            f"+{trunk}={{_target_:{RepTrunk.__module__}.{RepTrunk.__name__},"
            f"widths:{list(self.widths)},depths:{list(self.depths)}}}",
            f"++model.image_encoder.neck.backbone_channel_list={list(reversed(self.widths))}",
        ]


class RepBlock(nn.Module):
    """B in H W to B out H/stride W/stride: the sum of the branches, without an activation after it."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.three = nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, bias=False)
        self.one = nn.Conv2d(channels_in, channels_out, kernel_size=1, stride=stride, bias=False)
        self.norm_three = nn.BatchNorm2d(channels_out)
        self.norm_one = nn.BatchNorm2d(channels_out)
        keeps = channels_in == channels_out and stride == 1
        self.norm_same = nn.BatchNorm2d(channels_out) if keeps else None

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm_three(self.three(x)) + self.norm_one(self.one(x))
        return out if self.norm_same is None else out + self.norm_same(x)

    def kernel_and_bias(self) -> tuple[Tensor, Tensor]:
        """The block in evaluation mode as one convolution, in float64: out in 3 3, and out."""
        three, bias_three = _normalised(self.three.weight, self.norm_three)
        one, bias_one = _normalised(self.one.weight, self.norm_one)
        kernel, bias = three + F.pad(one, (1, 1, 1, 1)), bias_three + bias_one
        if self.norm_same is not None:
            same = torch.eye(len(kernel), dtype=torch.float64, device=kernel.device)[:, :, None, None]
            one, bias_same = _normalised(same, self.norm_same)
            kernel, bias = kernel + F.pad(one, (1, 1, 1, 1)), bias + bias_same
        return kernel, bias


class EdgeBranch(nn.Module):
    """A block's adapter: oriented edges of what goes into the block, mixed to the block's width and stride."""

    kernels: Tensor

    def __init__(self, block: RepBlock, *, scale: float) -> None:
        super().__init__()
        self.stride = block.stride
        self.scale = scale
        # Without a bias: what lies beyond the border would be the bias, and not zero, to the Sobel kernels.
        self.mix = nn.Conv2d(block.three.in_channels, block.three.out_channels, kernel_size=1, bias=False)
        self.directions = nn.Parameter(torch.empty(block.three.out_channels, 4))
        nn.init.normal_(self.directions, std=_EDGE_START)
        self.register_buffer("kernels", sobel_kernels(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel(), stride=self.stride, padding=1)

    def kernel(self) -> Tensor:
        """The branch as one kernel, out in 3 3, in the precision of its parameters."""
        return self._kernel(self.mix.weight, self.directions)

    def double_kernel(self) -> Tensor:
        """The same in float64."""
        return self._kernel(self.mix.weight.double(), self.directions.double())

    def _kernel(self, mix: Tensor, directions: Tensor) -> Tensor:
        kernels = self.kernels.to(mix.dtype)
        return self.scale * torch.einsum("oi,od,dyx->oiyx", mix[:, :, 0, 0], directions, kernels)


class RepTrunk(nn.Module):
    """The blocks of the stem and of the four stages, in order, and where stages end."""

    def __init__(self, widths: list[int], depths: list[int]) -> None:
        super().__init__()
        plan = [(widths[0], 2)]
        for width, depth in zip(widths, depths, strict=True):
            plan += [(width, 2)] + [(width, 1)] * (depth - 1)
        blocks: list[RepBlock] = []
        channels = _RGB
        for width, stride in plan:
            blocks.append(RepBlock(channels, width, stride=stride))
            channels = width
        self.blocks = nn.ModuleList(blocks)
        self.stage_ends = tuple(sum(depths[: stage + 1]) for stage in range(len(depths)))
        self.channel_list = list(reversed(widths))  # as SAM2's image encoder asks its trunk


class AdaptedRep(Trunk):
    """The blocks with an edge branch beside each; a stage ends before the activation, which begins the next one."""

    def __init__(self, rep: RepTrunk, config: AdapterConfig) -> None:
        super().__init__()
        if config.variant == "as_released":
            raise ParamsError(
                "params.yaml: the adapter's variant is 'as_released' on a trunk of re-parameterised convolutions",
                expected="'as_drawn' or 'none': what the released code does can't be folded into a convolution",
                remedy="correct student.adapter.variant, or choose a student on a Hiera",
            )
        self.rep = rep
        self.edge_stem = None
        adapted = config.variant != "none" and config.edge
        self.adapters = nn.ModuleList(
            EdgeBranch(cast(RepBlock, block), scale=config.scale) for block in rep.blocks if adapted
        )

    def forward(self, images: Tensor) -> list[StageFeature]:
        """Turn images (B 3 S S) into four stages' features, strides 4, 8, 16 and 32."""
        x = images
        stages: list[StageFeature] = []
        for index, block in enumerate(self.rep.blocks):
            feature = StageFeature(block(x), self.adapters[index](x) if self.adapters else None)
            if index in self.rep.stage_ends:
                stages.append(feature)
            x = F.relu(feature.total)
        return stages


class FoldedRep(nn.Module):
    """The same trunk as one 3x3 convolution a block: images (B 3 S S) to the stages' sums, B D H W."""

    def __init__(self, trunk: AdaptedRep) -> None:
        super().__init__()
        edges = trunk.adapters or [None] * len(trunk.rep.blocks)
        self.convs = nn.ModuleList(
            _folded(cast(RepBlock, block), cast("EdgeBranch | None", edge))
            for block, edge in zip(trunk.rep.blocks, edges, strict=True)
        )
        self.stage_ends = trunk.rep.stage_ends

    def forward(self, images: Tensor) -> list[Tensor]:
        x = images
        stages: list[Tensor] = []
        for index, conv in enumerate(self.convs):
            x = conv(x)
            if index in self.stage_ends:
                stages.append(x)
            x = F.relu(x)
        return stages


def fold_trunk(trunk: AdaptedRep) -> FoldedRep:
    """Fold a trunk, with its statistics as evaluation mode uses them, into plain convolutions; the trunk stays.

    Everything is computed in float64 and put into the trunk's own precision. The folded trunk gives four maps, each
    the stage's block feature with its adapter's added.
    """
    with torch.no_grad():
        return FoldedRep(trunk).eval()


def _folded(block: RepBlock, edge: EdgeBranch | None) -> nn.Conv2d:
    kernel, bias = block.kernel_and_bias()
    if edge is not None:
        kernel = kernel + edge.double_kernel()
    like = block.three.weight
    conv = nn.Conv2d(kernel.shape[1], kernel.shape[0], kernel_size=3, stride=block.stride, padding=1)
    conv.weight = nn.Parameter(kernel.to(like), requires_grad=False)
    conv.bias = nn.Parameter(bias.to(like), requires_grad=False)
    return conv


def _normalised(kernel: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """A kernel (out in h w) without a bias and the normalisation after it as a kernel and a bias, in float64."""
    assert norm.running_mean is not None and norm.running_var is not None
    factor = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return kernel.double() * factor[:, None, None, None], norm.bias.double() - norm.running_mean.double() * factor
