"""Parameters to what one step is taken with: its precision and its learning rate.

Leaves out: the step itself (loop.py).
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch

from components.params import FitParams


def autocast(amp: str, device: torch.device) -> AbstractContextManager[object]:
    """Automatic mixed precision as `FitParams.amp` says: `bf16`, `off`, or `auto`."""
    has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if amp == "bf16" or (amp == "auto" and has_bf16):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def learning_rate_factor(step: int, *, steps_per_epoch: int, params: FitParams) -> float:
    """The factor on the learning rate at a step: linear warm-up, then cosine to zero or gamma each epoch."""
    if step < params.warmup_steps:
        return (step + 1) / params.warmup_steps
    if params.schedule == "exponential":
        return params.gamma ** (step // steps_per_epoch)
    total = max(1, steps_per_epoch * params.epochs - params.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - params.warmup_steps) / total)))
