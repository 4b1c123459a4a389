"""This process's place among those that train one model together, and what they tell one another.

Every process (a rank) learns from its share of each batch; gradients are summed over all of them before each step, so
that together they take the steps that one process would take with whole batches. Sums are weighed by what each share
holds (loop.py): a mean over objects stays the mean over all objects, however they fall on the ranks. That is why
gradients are added here and not by DistributedDataParallel, which averages ranks as if their shares were alike.
Leaves out: starting the processes (pipelines/ranks.py), and what they learn.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")
BUCKET_BYTES = 64 * 2**20
# A rank may wait for another that writes a checkpoint or reads an epoch's first batches from a slow disk.
TIMEOUT = timedelta(minutes=30)


class Ranks:
    """Rank `rank` of `size`; alone, every method gives back what it was given.

    `counted` is false while a rank, for lack of images in a last, short batch, goes through one that isn't its own:
    then nothing of it enters losses or statistics.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size
        self.counted = True
        self._stop = threading.Event()

    @property
    def first(self) -> bool:
        """Whether this rank writes files and log lines."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> list[T]:
        """This rank's share of things that all ranks know in the same order."""
        return list(items[self.rank :: self.size])

    def ask_to_stop(self) -> None:
        """Let all ranks end together at the next batch; for a signal's handler."""
        self._stop.set()

    @property
    def stop_asked(self) -> bool:
        """Whether this rank was asked to stop."""
        return self._stop.is_set()

    def each(self, values: Sequence[float]) -> list[list[float]]:
        """Each rank's numbers, by rank; all have as many."""
        own = torch.tensor(values, dtype=torch.float64)
        found = [own]
        if self.size > 1:
            found = [torch.empty_like(own) for _ in range(self.size)]
            dist.all_gather(found, own)
        return [list(map(float, numbers)) for numbers in found]

    def summed(self, values: Sequence[float]) -> list[float]:
        """The sums of some numbers over all ranks."""
        return [sum(column) for column in zip(*self.each(values), strict=True)]

    def gathered(self, value: T) -> list[T]:
        """What each rank has to say, by rank."""
        if self.size == 1:
            return [value]
        found: list[T | None] = [None] * self.size
        dist.all_gather_object(found, value)
        return [one for one in found if one is not None]

    def wait_for_all(self) -> None:
        """Go on when all ranks are here."""
        if self.size > 1:
            dist.barrier()

    def start_alike(self, network: nn.Module) -> None:
        """Give every rank the first one's weights."""
        if self.size > 1:
            for tensor in network.state_dict().values():
                dist.broadcast(tensor, src=0)

    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Sum the gradients over all ranks; what has none on any rank keeps none."""
        if self.size == 1:
            return
        have = torch.tensor([parameter.grad is not None for parameter in parameters], dtype=torch.int32)
        dist.all_reduce(have)
        used = [parameter for parameter, count in zip(parameters, have.tolist(), strict=True) if count]
        for bucket in _buckets(used):
            grads = [torch.zeros_like(one) if one.grad is None else one.grad for one in bucket]
            flat = torch.cat([grad.reshape(-1) for grad in grads])
            dist.all_reduce(flat)
            parts = flat.split([grad.numel() for grad in grads])
            for parameter, grad, part in zip(bucket, grads, parts, strict=True):
                parameter.grad = grad.copy_(part.view_as(grad))


_current = Ranks()


def current_ranks() -> Ranks:
    """This process's place; alone, unless it has `joined` others."""
    return _current


@contextmanager
def joined(rank: int, size: int, *, local_rank: int, meeting: Path | None = None) -> Iterator[Ranks]:
    """Join the processes that `torchrun` started: NCCL between GPUs, gloo between CPUs.

    `local_rank` is the place among the processes of this machine, and the number of the GPU that this one takes. They
    meet in the file `meeting`, which mustn't exist before, or without one at the address in torchrun's environment.
    """
    global _current
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(local_rank)
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
        init_method="env://" if meeting is None else f"file://{meeting}",
        rank=rank,
        world_size=size,
        timeout=TIMEOUT,
    )
    _current = Ranks(rank, size)
    try:
        yield _current
        # Not after an error: the others may be gone, and leaving waits for them.
        dist.destroy_process_group()
    finally:
        _current = Ranks()


def _buckets(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Parameters of one type in groups of `BUCKET_BYTES`, so that many small ones travel as one."""
    bucket: list[nn.Parameter] = []
    held = 0
    for parameter in parameters:
        if bucket and (held >= BUCKET_BYTES or parameter.dtype != bucket[0].dtype):
            yield bucket
            bucket, held = [], 0
        bucket.append(parameter)
        held += parameter.numel() * parameter.element_size()
    if bucket:
        yield bucket


def summed_with_gradient(values: Tensor, ranks: Ranks) -> Tensor:
    """The sum of a tensor over all ranks, through which gradients flow back to each of them."""
    if ranks.size == 1:
        return values
    total: Tensor = _Sum.apply(values)
    return total


class _Sum(torch.autograd.Function):
    """A sum over ranks: each rank's loss depends on every rank's values, so the gradient is the same sum."""

    @staticmethod
    def forward(_ctx: object, values: Tensor) -> Tensor:
        total = values.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_ctx: object, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total
