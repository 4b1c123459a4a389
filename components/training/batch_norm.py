"""Batch normalisation over all ranks' shares of a batch: the statistics that one process would see.

`torch.nn.SyncBatchNorm` has no CPU version and takes every rank's share for a full one; this one weighs shares by
their pixels and leaves uncounted ones out. Leaves out: every other kind of normalisation, which knows no batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from components.training.ranks import Ranks, summed_with_gradient


class SharedBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` whose statistics in training are those of all ranks; parameters and buffers are shared with the
    layer that it stands in for."""

    def __init__(self, layer: nn.BatchNorm2d, ranks: Ranks) -> None:
        super().__init__(
            layer.num_features,
            eps=layer.eps,
            momentum=layer.momentum,
            affine=layer.affine,
            track_running_stats=layer.track_running_stats,
        )
        self.ranks = ranks
        self._parameters.update(layer._parameters)
        self._buffers.update(layer._buffers)
        self.train(layer.training)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise B C H W."""
        if not self.training or self.ranks.size == 1:
            return super().forward(input)
        x = input.float()
        counts = float(self.ranks.counted)
        held = torch.full((1,), counts * (x.numel() // x.shape[1]), device=x.device)
        sums = summed_with_gradient(torch.cat([x.sum(dim=(0, 2, 3)) * counts, held]), self.ranks)
        count = sums[-1].detach()
        mean = sums[:-1] / count  # C
        centred = x - mean[:, None, None]
        variance = summed_with_gradient(centred.square().sum(dim=(0, 2, 3)) * counts, self.ranks) / count  # C
        self._follow(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        out = centred * torch.rsqrt(variance + self.eps)[:, None, None]
        if self.affine:
            out = out * self.weight[:, None, None] + self.bias[:, None, None]
        return out.to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics as `nn.BatchNorm2d` does; `variance` is the unbiased one."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)


def running_statistics(network: nn.Module) -> list[Tensor]:
    """The buffers that a network's normalisations move in each forward pass of training; the network's own tensors."""
    kinds = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
    return [buffer for module in network.modules() if isinstance(module, kinds) for buffer in module.buffers()]


def share_batch_norm(network: nn.Module, ranks: Ranks) -> int:
    """Put the shared layer in place of every `nn.BatchNorm2d` of a network; returns how many there were."""
    found = 0
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.BatchNorm2d:
                setattr(module, name, SharedBatchNorm2d(child, ranks))
                found += 1
    return found
