"""Made-up rows of signals: correlated numbers that stay as they are, or change as a test plants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from components.monitoring.watched import Stratum
from components.params import MonitorParams
from components.promptable.signals import IMAGE_SIGNALS, PROJECTION, Row

NAMES = (*IMAGE_SIGNALS, *PROJECTION)
MIXING = np.random.default_rng(77).normal(size=(len(NAMES), 6))
"""Six hidden causes move all signals of an image together."""


def monitor_params(**changed: Any) -> MonitorParams:
    """The project's numbers, but for what a test wants to be otherwise."""
    usual = {
        "window_days": 7,
        "false_alarms_per_year": 1.0,
        "min_effect": 0.15,
        "min_units": 30,
        "min_feedback": 20,
        "max_units": 300,
        "seed": 2028,
    }
    return MonitorParams.model_validate(usual | changed)


def images(rng: np.random.Generator, count: int, moved: Mapping[str, float] | None = None) -> list[Row]:
    """Rows of images; `moved` names signals that lie so many standard deviations higher."""
    values = rng.normal(size=(count, 6)) @ MIXING.T + rng.normal(size=(count, len(NAMES)))
    for name, by in (moved or {}).items():
        values[:, NAMES.index(name)] += by * values[:, NAMES.index(name)].std()
    return [dict(zip(NAMES, row, strict=True)) for row in values.tolist()]


def outlines(rng: np.random.Generator, count: int, *, smaller: float = 1.0, worse: float = 0.0) -> list[Row]:
    """Rows of outlines of first boxes; `smaller` scales their size, `worse` lowers the model's estimate."""
    share, quality = rng.lognormal(-3, 0.6, count) * smaller, rng.beta(8, 2, count) - worse
    rows: list[Row] = []
    for size, estimate, fill in zip(share.tolist(), quality.tolist(), rng.beta(20, 6, count).tolist(), strict=True):
        warned = "yes" if estimate < 0.65 else "no"
        rows.append(
            {"form": "box", "first": "box", "clicks": 0.0, "quality": estimate, "abstain": warned}
            | {"mask_share": size, "box_fill": fill}
        )
    return rows


def feedback(rng: np.random.Generator, count: int, *, accepted: float = 0.6, mean: float = 0.12) -> list[Row]:
    """Rows of what people made of outlines: accepted as they were, or edited by `mean` of them on average."""
    rows: list[Row] = []
    for taken, edit in zip((rng.random(count) < accepted).tolist(), rng.beta(2, 2 / mean - 2, count), strict=True):
        rows.append({"verdict": "accepted" if taken else "edited", "edit": 0.0 if taken else float(edit)})
    return rows


def traffic(rng: np.random.Generator, count: int, **planted: Any) -> dict[Stratum, list[Row]]:
    """Units of one place and time; without anything planted, always of one source."""
    boxes = outlines(rng, count, smaller=planted.get("smaller", 1.0), worse=planted.get("worse", 0.0))
    judged = feedback(rng, count // 2, accepted=planted.get("accepted", 0.6), mean=planted.get("mean", 0.12))
    return {"image": images(rng, count, planted.get("moved")), "box": boxes, "outline": boxes, "feedback": judged}
