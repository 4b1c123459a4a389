"""Precision and learning rate of a step, as the parameters say."""

from __future__ import annotations

import pytest
import torch

from components.training.stepping import autocast, learning_rate_factor
from tests.components.training.test_loop import optimise


def test_schedules() -> None:
    cosine = optimise(epochs=10, warmup_steps=10)
    factors = [learning_rate_factor(step, steps_per_epoch=10, params=cosine) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == pytest.approx(1.0)
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0.0)
    paper = optimise(schedule="exponential", warmup_steps=0)
    assert learning_rate_factor(25, steps_per_epoch=10, params=paper) == pytest.approx(0.98**2)


@pytest.mark.parametrize(("amp", "dtype"), [("bf16", torch.bfloat16), ("off", torch.float32), ("auto", torch.float32)])
def test_precision_on_the_cpu(amp: str, dtype: torch.dtype) -> None:
    with autocast(amp, torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
