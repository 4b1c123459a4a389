"""How a segmenter's trunk is computed while it trains: with fewer kept activations, or compiled; after that as before.

Leaves out: several processes (ranks.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from components.errors import ParamsError
from components.params import MachineParams
from components.promptable.segmenter import Segmenter
from components.promptable.trunks.features import Trunk


def check_machine(trunk: Trunk, machine: MachineParams) -> None:
    """Make sure that the trunk can be computed as the parameters say.

    Raises
    ------
    ParamsError
        If the trunk's blocks can't be computed twice.
    """
    if machine.checkpointing and not trunk.can_recompute:
        raise ParamsError(
            "params.yaml: machine.checkpointing is set, and this trunk's blocks can't be computed twice",
            expected="a Hiera; batch normalisation would count each batch twice",
            remedy="set machine.checkpointing to false",
        )


@contextmanager
def as_the_machine_needs(segmenter: Segmenter, machine: MachineParams) -> Iterator[None]:
    """Compute the segmenter's trunk as the parameters say, until the end of the block.

    Raises
    ------
    ParamsError
        As `check_machine`.
    """
    trunk = segmenter.trunk
    check_machine(trunk, machine)
    trunk.recomputes = machine.checkpointing
    if machine.compile:
        # An attribute of this one object, over the class's method.
        trunk.__dict__["forward"] = torch.compile(trunk.forward)
    try:
        yield
    finally:
        trunk.recomputes = False
        trunk.__dict__.pop("forward", None)
