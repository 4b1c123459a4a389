"""The computed memory of a step against what torch's profiler sees a real one take."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from components.training.memory import SPARE_BYTES, Budget, MemoryModel, StepShape, _batch, training_losses
from tests.components.training.test_finetune import tiny_segmenter


def measured(shape: StepShape, *, distils: bool) -> int:
    """The most bytes that a real step held at once, by the CPU allocator's own account."""
    network, teacher = tiny_segmenter(1).train(), tiny_segmenter(2).eval() if distils else None
    network.set_trainable(trunk=distils)
    network.trunk.recomputes = shape.recomputes
    images, prompts, truth = _batch(shape, 64)
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=shape.bf16):
            losses = training_losses(network, images, prompts, truth, teacher=teacher)
        torch.stack(list(losses.values())).sum().backward()
    results: Any = profile.profiler.kineto_results  # type: ignore[union-attr]
    changes = sorted((one.start_ns(), one.nbytes()) for one in results.events() if one.name() == "[memory]")
    live = peak = 0
    for _, change in changes:
        live += change
        peak = max(peak, live)
    return peak


@pytest.mark.parametrize(
    ("shape", "distils"),
    [(StepShape(images=2, objects=2), True), (StepShape(images=2, bf16=True, recomputes=True), False)],
)
def test_a_tiny_step_takes_what_was_computed(shape: StepShape, distils: bool) -> None:
    network, teacher = tiny_segmenter(1), tiny_segmenter(2) if distils else None
    network.set_trainable(trunk=distils)
    budget = MemoryModel(network, teacher=teacher).budget(shape)
    images, _, truth = _batch(shape, 64)
    given = 4 * (images.numel() + truth.numel())
    assert budget.working - given == pytest.approx(measured(shape, distils=distils), rel=0.1)


def test_less_is_kept_with_less_precision_and_with_recomputed_blocks() -> None:
    network = tiny_segmenter(1)
    network.set_trainable(trunk=False)
    parameters = sum(p.numel() for p in (*network.parameters(), *network.buffers()))
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    model = MemoryModel(network)
    plain = model.budget(StepShape(images=4))
    assert (plain.parameters, plain.optimiser) == (4 * parameters, 8 * trained)
    for less in (StepShape(images=4, bf16=True), StepShape(images=4, recomputes=True)):
        assert model.budget(less).working < 0.95 * plain.working
    assert model.budget(StepShape(images=8)).working > 1.2 * plain.working, "gradients are most of it, and stay"
    assert model.budget(StepShape(images=4)) == plain


def test_what_fits_leaves_something_spare() -> None:
    budget = Budget(parameters=10**9, optimiser=10**9, working=24 * 10**9 - 2 * 10**9 - SPARE_BYTES)
    assert budget.total == 24 * 10**9 - SPARE_BYTES
    assert budget.fits(24) and not budget.fits(23.9)
