"""Estimates as JSON: what stands for a mean and its interval in every file that a validation writes.

Leaves out: the numbers (statistics.py).
"""

from __future__ import annotations

import math
from typing import Any

from components.evaluation.comparing.statistics import Bootstrap, Estimate


def interval_key(confidence: float) -> str:
    """The name under which an interval stands: `ci95` for a confidence of 0.95."""
    return f"ci{100 * confidence:g}"


def to_json(estimate: Estimate, bootstrap: Bootstrap) -> dict[str, Any]:
    """An estimate as JSON; what is undefined (NaN) becomes None."""
    return {
        "mean": number(estimate.mean),
        interval_key(bootstrap.confidence): [number(estimate.low), number(estimate.high)],
        "n": estimate.n,
        "undefined": estimate.undefined,
        "groups": estimate.groups,
        "sufficient": estimate.groups >= bootstrap.min_groups,
    }


def number(value: float) -> float | None:
    """A number as JSON has it: what is undefined (NaN) becomes None."""
    return None if math.isnan(value) else value
