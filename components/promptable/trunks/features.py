"""What every trunk is and gives: images become the features of four stages, at strides 4, 8, 16 and 32.

Leaves out: the kinds of trunk (the files beside this one) and the neck (components/promptable/segmenter.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class StageFeature:
    """What a stage ends with, B D H W: the last block's output, and its adapter's feature (None without one)."""

    block: Tensor
    adapter: Tensor | None

    @property
    def total(self) -> Tensor:
        """The sum, which the next stage and the neck take."""
        return self.block if self.adapter is None else self.block + self.adapter


class Trunk(nn.Module):
    """A trunk with its adapters: `trunk(images)` (B 3 S S) gives four stages' features, finest first.

    `adapters` (empty without any) and `edge_stem` (None where adapters need none) are what trains on a frozen trunk.
    With `recomputes` a training keeps the input of each block alone and computes the rest again on the way back, if
    the trunk `can_recompute`.
    """

    can_recompute: ClassVar[bool] = False

    recomputes: bool = False
    adapters: nn.ModuleList
    edge_stem: nn.Module | None

    if TYPE_CHECKING:

        def __call__(self, images: Tensor) -> list[StageFeature]: ...
