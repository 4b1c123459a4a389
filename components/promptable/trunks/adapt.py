"""SAM2's trunk, or what stands in its place, with the adapters of its kind."""

from __future__ import annotations

from sam2.modeling.backbones.hieradet import Hiera
from torch import nn

from components.promptable.adapter import AdapterConfig
from components.promptable.trunks.features import Trunk
from components.promptable.trunks.hiera import AdaptedHiera
from components.promptable.trunks.rep import AdaptedRep, RepTrunk


def adapted(trunk: nn.Module, config: AdapterConfig) -> Trunk:
    """Give a trunk its adapters.

    Raises
    ------
    ParamsError
        If the kind of trunk has no such adapters.
    """
    if isinstance(trunk, RepTrunk):
        return AdaptedRep(trunk, config)
    assert isinstance(trunk, Hiera)
    return AdaptedHiera(trunk, config)
