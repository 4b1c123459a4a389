"""Made-up rows of signals: correlated numbers that stay as they are, or change as a test plants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from components.artefacts import ModelDescription
from components.monitoring.watched import Stratum
from components.monitoring.writer import SignalWriter
from components.params import MonitorParams, SignalParams
from components.promptable.reference import Reference, to_table
from components.promptable.signals import IMAGE_SIGNALS, PROJECTION, Row

DIGEST = "ab" * 32
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


def description() -> ModelDescription:
    """A phantom-trained model."""
    return ModelDescription(
        kind="student",
        name="hiera_mini",
        config={},
        image_size_px=64,
        preprocess_version=1,
        phantom=True,
        base="scratch",
        trained_on=("busi",),
        provenance={},
        weights_sha256=DIGEST,
    )


def reference(seed: int = 1) -> Reference:
    """The validation side of that model: 60 groups of the same source as `traffic`."""
    rng = np.random.default_rng(seed)
    drawn: list[Row] = [
        {**row, "edit": edit}
        for row, edit in zip(outlines(rng, 60), rng.beta(2, 2 / 0.12 - 2, 60).tolist(), strict=True)
    ]
    shown = to_table(images(rng, 60), range(60))
    return Reference(
        model_digest=DIGEST, phantom=True, kinds=("box_jitter",), images=shown, outlines=to_table(drawn, range(60))
    )


def write_weeks(folder: Path, monday: date, weeks: Sequence[Mapping[str, Any]], *, count: int = 70) -> None:
    """Write a week of traffic for each entry, with what it plants, as the service does: a row of a kind a step."""
    clock, rng = [0.0], np.random.default_rng(3)
    limits = SignalParams(bucket_minutes=15, queue_rows=99_999, flush_seconds=60, keep_days=999, keep_megabytes=99)
    writer = SignalWriter(folder, limits, now=lambda: clock[0])
    begin = datetime(monday.year, monday.month, monday.day, tzinfo=UTC)
    for week, planted in enumerate(weeks):
        drawn = traffic(rng, count, **planted)
        for kind, stratum in (("image", "image"), ("outline", "outline"), ("feedback", "feedback")):
            for place, row in enumerate(drawn[stratum]):  # type: ignore[index]
                clock[0] = (begin + timedelta(days=7 * week, minutes=30 * place)).timestamp()
                writer.add(kind, row, model_digest=DIGEST)  # type: ignore[arg-type]
    writer.close()
