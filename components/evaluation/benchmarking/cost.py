"""A network to its parameters and multiply-accumulates: what encoding an image takes, and what a click takes.

Counted by torch's own counter on the meta device, where nothing is computed and attention isn't fused, so that its
products are counted too (on the CPU the counter knows no fused attention, and would leave it out). One multiply-
accumulate is two of the counter's operations. As everywhere, matrix products and convolutions count; additions,
normalisations, activations and resizing don't. Leaves out: what a runtime makes of the same network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from components.promptable.embedding import Promptable, PromptBatch


@dataclass(frozen=True, slots=True)
class Cost:
    """Parameters that an image and a click meet (those of both counted in both), and 10^9 multiply-accumulates."""

    encoder_parameters: int
    click_parameters: int
    parameters: int
    encoder_gmacs: float
    click_gmacs: float


class _Met(TorchDispatchMode):
    """Which of a network's parameters come into any operation."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._all = {id(parameter): parameter.numel() for parameter in network.parameters()}
        self.met: set[int] = set()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        self.met |= {id(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)} & self._all.keys()
        return func(*args, **(kwargs or {}))

    def count(self, met: set[int]) -> int:
        """The number of parameters among these."""
        return sum(self._all[each] for each in met)


def cost_of(network: Promptable, *, labels: Sequence[int] = (1,)) -> Cost:
    """Count a network, which stays as it is; `labels` are those of the prompt (`PromptBatch`)."""
    nowhere = torch.device("meta")
    module = copy.deepcopy(cast(nn.Module, network)).to(nowhere).requires_grad_(False)
    counted = cast(Promptable, module)
    prompts = PromptBatch(
        image_index=torch.zeros(1, dtype=torch.int64),  # a network may look which image is meant
        coords=torch.zeros(1, len(labels), 2, device=nowhere),
        labels=torch.tensor([list(labels)], device=nowhere),
    )
    images = torch.zeros(1, 3, network.image_size_px, network.image_size_px, device=nowhere)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), _Met(module) as encoding, FlopCounterMode(display=False) as one:
        embedding = counted.encode(images)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), _Met(module) as clicking, FlopCounterMode(display=False) as two:
        counted.decode(embedding, prompts)
    return Cost(
        encoder_parameters=encoding.count(encoding.met),
        click_parameters=clicking.count(clicking.met),
        parameters=encoding.count(encoding.met | clicking.met),
        encoder_gmacs=one.get_total_flops() / 2e9,
        click_gmacs=two.get_total_flops() / 2e9,
    )
