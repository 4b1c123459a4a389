"""Training images to the batches of an epoch, in order, each made before it is asked for.

Leaves out: what a batch holds (data.py).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from components.training.data import Batch, TrainingImages, collate
from components.training.ranks import Ranks, current_ranks


class EpochSampler(Sampler[list[tuple[int, int]]]):
    """The (epoch, index) pairs of one epoch in its own order, a batch at a time, of each the share of this rank;
    `go_to` chooses the epoch and the first item."""

    def __init__(self, count: int, *, batch_size: int, seed: int, ranks: Ranks) -> None:
        self.count = count
        self.batch_size = batch_size
        self.seed = seed
        self.ranks = ranks
        self.keys: list[tuple[int, int]] = []
        self.go_to(epoch=0, start=0)

    def go_to(self, *, epoch: int, start: int) -> None:
        """Stand at item `start` of an epoch."""
        order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        self.keys = [(epoch, int(index)) for index in order][start:]

    def __len__(self) -> int:
        return math.ceil(len(self.keys) / self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for start in range(0, len(self.keys), self.batch_size):
            batch = self.keys[start : start + self.batch_size]
            # A rank for which none is left goes through the first one, uncounted (loop.py): all keep in step.
            yield self.ranks.share(batch) or batch[:1]


def training_loader(
    images: TrainingImages, *, batch_size: int, workers: int, pinned: bool = False
) -> tuple[DataLoader[Batch], EpochSampler]:
    """The loader of a whole training, and its sampler, which says where in which epoch it stands.

    `batch_size` counts the images of all ranks; `pinned` puts batches where a GPU fetches them without waiting.
    Loader processes are fresh interpreters that live as long as the loader: a fork would copy whatever threads the
    caller has, and a new process for each epoch would import everything again.
    """
    sampler = EpochSampler(len(images), batch_size=batch_size, seed=images.seed, ranks=current_ranks())
    loader: DataLoader[Batch] = DataLoader(
        images,  # type: ignore[arg-type]
        batch_sampler=sampler,
        collate_fn=collate,
        pin_memory=pinned,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=workers > 0,
        worker_init_fn=_one_thread if workers else None,
    )
    return loader, sampler


def ahead(batches: Iterable[Batch], *, count: int = 2) -> Iterator[Batch]:
    """The same batches in the same order, the next `count` of them made in a thread while one is learnt from.

    Decoding and OpenCV leave the interpreter free, so that a loader without processes of its own still doesn't make
    the training wait. On the way out, also by an error, what was begun is finished and dropped.
    """
    source = iter(batches)
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
        coming = deque(thread.submit(next, source, None) for _ in range(count))
        while (batch := coming.popleft().result()) is not None:
            coming.append(thread.submit(next, source, None))
            yield batch


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def grouped(batches: Iterable[Batch], count: int) -> Iterator[list[Batch]]:
    """The batches in lists of `count`, the last one of what is left."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == count:
            yield group
            group = []
    if group:
        yield group
