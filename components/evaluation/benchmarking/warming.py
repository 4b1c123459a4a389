"""A variant to the run that is timed: opened, run for the first time, and how long a turn of it will take.

On a GPU the first pass also says what torch allocates. Leaves out: when it is run (rounds.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from components.evaluation.benchmarking.catalogue import Variant
from components.evaluation.benchmarking.opening import Workshop
from components.evaluation.benchmarking.passes import DType, Part, one_batch, one_pass
from components.promptable.embedding import Promptable
from components.types import Prompt

HEAVY_S = 1.5
"""A model whose pass takes longer isn't measured in batches, which on such a machine say nothing new."""
WAKES_S = 0.5
"""What is quicker has a pass before each one that counts: caches and threads are another model's by then."""
GPU_IMAGES = 32
"""Images in a batch on a GPU, which fewer don't fill."""
BATCH_EVERY = 3
"""Batches take as long as all else together: in every third round they say as much."""
MIB = float(2**20)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of a variant does; called, it gives milliseconds of each part."""

    model: Promptable
    data: bytes
    prompt: Prompt
    dtype: DType
    wakes: bool
    batch: int

    def __call__(self, number: int) -> Mapping[Part, float]:
        """A pass, after one that doesn't count where that is quick; in some rounds a batch then, unless that is 0."""
        if self.wakes:
            self._pass()
        times_ms = self._pass()
        if self.batch and number % BATCH_EVERY == 0:
            times_ms |= one_batch(self.model, self.data, self.batch, dtype=self.dtype)
        return times_ms

    def _pass(self) -> dict[Part, float]:
        return one_pass(self.model, self.data, self.prompt, dtype=self.dtype)


@dataclass(frozen=True, slots=True)
class Warm:
    """A variant that has run: its turn, about how many seconds that takes, and MiB of a GPU's memory."""

    turn: Turn
    turn_s: float
    gpu_mib: float | None


def warmed(variant: Variant, workshop: Workshop, *, data: bytes, batch: int) -> Warm:
    """Open a variant and run it until it is warm; once more where that is quick."""
    subject = workshop.known[variant.model]
    prompt = subject.prompt
    with _allocated(variant) as gpu_mib:
        model = workshop.open(variant)
        pass_ms = one_pass(model, data, prompt, dtype=variant.dtype)
    if pass_ms["file_to_mask"] < 1e3 * HEAVY_S:
        pass_ms = one_pass(model, data, prompt, dtype=variant.dtype)
    pass_s, encoder_s = pass_ms["file_to_mask"] / 1e3, pass_ms["encoder"] / 1e3
    # A U-Net has no encoder that could take several images.
    wakes, images = pass_s < WAKES_S, batch if pass_s < HEAVY_S and subject.kind != "unet" else 0
    if images:
        images = _largest(model, data, max(images, GPU_IMAGES) if variant.device == "cuda" else images, variant.dtype)
    turn = Turn(model, data, prompt, variant.dtype, wakes, images)
    return Warm(turn, pass_s * (1 + wakes) + encoder_s * images / BATCH_EVERY, next(iter(gpu_mib), None))


def _largest(model: Promptable, data: bytes, images: int, dtype: DType) -> int:
    """So many images, or half of them and so on, until a batch fits into a GPU's memory; 0 where none does."""
    while images:
        try:
            one_batch(model, data, images, dtype=dtype)
            return images
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            images //= 2
    return 0


@contextmanager
def _allocated(variant: Variant) -> Iterator[list[float]]:
    """MiB that torch allocates on a GPU at most within the block, as the list's only element; empty elsewhere."""
    found: list[float] = []
    if (variant.device, variant.runtime) != ("cuda", "pytorch"):
        yield found
        return
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    yield found
    found.append((torch.cuda.max_memory_allocated() - before) / MIB)
