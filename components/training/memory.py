"""A training step to the memory that it needs, without that memory: computed on tensors that have a shape and no data.

Every block of memory that forward and backward pass take and give back is counted, so that the peak holds kept
activations, gradients and what an operation needs on the way. Parameters and the optimiser's moments come on top.
Leaves out: what is taken besides tensors (a GPU's own context, its libraries' workspaces, gaps between blocks; `SPARE`
is set aside for them), and the CPU's memory. Operations are chosen as for a CPU: on a GPU, bf16 keeps normalisations in
float32, which takes somewhat more.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from components.params import DistilTerms, MaskLossParams
from components.promptable.segmenter import PromptBatch, Segmenter
from components.training.losses import distillation_loss, mask_loss, neck_features

SPARE_BYTES = 2 * 10**9
_LOSS = MaskLossParams(dice=1.0, focal=1.0, focal_gamma=2.0, focal_alpha=0.5, quality=1.0)
_TERMS = DistilTerms(block=1.0, adapter=1.0, sum=1.0)
_MOMENTS = 2  # AdamW keeps two for each parameter


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes of a training step: parameters and buffers of all networks, the optimiser's moments, and the peak of what
    one step takes (activations, gradients, intermediate results)."""

    parameters: int
    optimiser: int
    working: int

    @property
    def total(self) -> int:
        """All three."""
        return self.parameters + self.optimiser + self.working

    def fits(self, gigabytes: float) -> bool:
        """Whether it fits a GPU of so many GB (10^9 bytes), with `SPARE_BYTES` set aside."""
        return self.total + SPARE_BYTES <= gigabytes * 1e9


@dataclass(frozen=True, slots=True)
class StepShape:
    """What a step is taken on: images, objects of each, and precision; with `recomputes` the trunk's blocks are
    computed again on the way back."""

    images: int = 1
    objects: int = 1
    bf16: bool = False
    recomputes: bool = False


class MemoryModel:
    """Networks of which only shapes are left, and what training them would take; the networks given can't be used
    afterwards.

    Parameters
    ----------
    network
        What trains, its trainable set declared.
    teacher
        For distillation, the network whose features are drawn to; None for fine-tuning.
    """

    def __init__(self, network: Segmenter, *, teacher: Segmenter | None = None) -> None:
        self.network = network.train()
        self.teacher = None if teacher is None else teacher.eval()
        self._mode = FakeTensorMode(allow_non_fake_inputs=False)
        for one in self._networks():
            _leave_shapes(one, self._mode)

    def budget(self, shape: StepShape) -> Budget:
        """The memory of one step."""
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        held = [tensor for one in self._networks() for tensor in (*one.parameters(), *one.buffers())]
        self.network.trunk.recomputes = shape.recomputes and self.network.trunk.can_recompute
        for parameter in trained:
            parameter.grad = None
        with self._mode:
            images, prompts, truth = _batch(shape, self.network.image_size_px)
            with PeakMemory(known=held) as peak:
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=shape.bf16):
                    losses = training_losses(self.network, images, prompts, truth, teacher=self.teacher)
                torch.stack(list(losses.values())).sum().backward()
        return Budget(_bytes(held), _MOMENTS * _bytes(trained), peak.bytes + _bytes([images, truth]))

    def _networks(self) -> list[Segmenter]:
        return [self.network] if self.teacher is None else [self.network, self.teacher]


def training_losses(
    network: Segmenter, images: Tensor, prompts: PromptBatch, truth: Tensor, *, teacher: Segmenter | None
) -> Mapping[str, Tensor]:
    """The losses of fine-tuning, or with a teacher those of distillation at all levels and terms."""
    if teacher is None:
        return mask_loss(*network.decode(network.encode(images), prompts), truth, _LOSS)
    features = neck_features(network, network.stages(images))
    with torch.no_grad():
        target = neck_features(teacher, teacher.stages(images))
    terms = _TERMS if "adapter" in features and "adapter" in target else _TERMS.model_copy(update={"adapter": 0.0})
    losses = distillation_loss(features, target, levels=(4, 8, 16), terms=terms)
    masks = network.decode(network.embed_levels(features["sum"]), prompts)
    return losses | mask_loss(*masks, truth, _LOSS)


class PeakMemory(TorchDispatchMode):
    """Counts the bytes of tensors that live at once, those `known` before left out; `bytes` is the most there were."""

    def __init__(self, *, known: Sequence[Tensor]) -> None:
        super().__init__()
        self.bytes = 0
        self._live = 0
        self._sizes: dict[int, int] = {tensor.untyped_storage()._cdata: 0 for tensor in known}

    def __torch_dispatch__(
        self, func: Callable[..., Any], _types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation, and count what it gives."""
        out = func(*args, **(kwargs or {}))
        for tensor in tree_iter(out):
            if isinstance(tensor, Tensor):
                self._count(tensor)
        return out

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._sizes:
            return
        self._sizes[key] = storage.nbytes()
        self._live += storage.nbytes()
        self.bytes = max(self.bytes, self._live)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self._live -= self._sizes.pop(key, 0)


def _leave_shapes(network: nn.Module, mode: FakeTensorMode) -> None:
    for module in network.modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is not None:
                    held[name] = mode.from_tensor(tensor)  # type: ignore[assignment]


def _batch(shape: StepShape, size_px: int) -> tuple[Tensor, PromptBatch, Tensor]:
    objects = shape.images * shape.objects
    prompts = PromptBatch(
        torch.zeros(objects, dtype=torch.int64), torch.zeros(objects, 2, 2), torch.zeros(objects, 2, dtype=torch.int64)
    )
    return torch.zeros(shape.images, 3, size_px, size_px), prompts, torch.zeros(objects, size_px, size_px)


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
