"""Scored cases to what `metrics.json` says of confidence, abstention and the guard.

By dataset, kind of prompt and model (the student, and the model in use): reliability with its error, the risk over
coverage with its area, and, where the model carries a calibration, the share of outlines that come with a warning by
the endpoint's own rule (low confidence, or an image that the guard flags) and the Dice of the others. Without a
calibration the model's own estimate stands for its confidence. Of the guard: what it says of images that aren't
ultrasound, and how often it flags the images of each dataset, which for other anatomy and other machines may be often.

An answer without an estimate, or one whose confidence isn't known, counts as one of no confidence, with a warning.
An empty mask keeps the confidence that the model states: the endpoint warns of it besides, so that what stands here is
no better than what is served. Leaves out: the numbers themselves (confidence.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.evaluation.comparing.confidence import (
    RiskCurve,
    area_under_risk,
    calibration_error,
    reliability,
    risk_coverage,
)
from components.evaluation.comparing.json_form import to_json
from components.evaluation.comparing.names import CHAMPION, SUBJECT
from components.evaluation.comparing.statistics import Bootstrap, cluster_mean
from components.evaluation.prompting.prompts import NOTHING
from components.evaluation.scoring.cases import Contender
from components.evaluation.scoring.table import Cases, as_cases

ROLES = (SUBJECT, CHAMPION)
"""Whose confidence is judged: what would be served, and what is."""
CURVE_POINTS = 20


@dataclass(frozen=True, slots=True)
class Tried:
    """How many of `n` images of a kind that isn't ultrasound the guard flagged."""

    kind: str
    n: int
    flagged: int


def confidence_by_prompt(
    cases: Cases | pd.DataFrame, models: Mapping[str, Contender], *, bins: int, bootstrap: Bootstrap
) -> dict[str, Any]:
    """A dataset's cases to {kind of prompt: {model: …}}, for the models of ROLES that state a quality."""
    found: dict[str, Any] = {}
    table = as_cases(cases)
    for kind in table.different("prompt"):
        by_who = {
            who: _one(own, models[who], bins=bins, bootstrap=bootstrap)
            for who in ROLES
            if who in models and _states(own := _answers(table.where(prompt=kind, model=who)), models[who])
        }
        if kind != NOTHING and by_who:
            found[kind] = by_who
    return found


def _answers(cases: Cases) -> pd.DataFrame:
    """A model's answers at a kind of prompt, and what it said of them, where there was an object."""
    rows = cases.read(["group", "dice", "iou", "quality", "confidence", "abstain"])
    return rows[rows["dice"].notna()]


def _states(cases: pd.DataFrame, model: Contender) -> bool:
    """Whether there is an answer of the model, and the model one that states how good its answers are."""
    return len(cases) > 0 and (model.calibration is not None or bool(cases["quality"].notna().any()))


def _numbers(values: pd.Series) -> NDArray[np.float64]:
    """Stated qualities as numbers from 0 to 1; 0 where nothing, or no finite number, is stated."""
    stated = values.to_numpy(dtype=np.float64)
    return np.clip(np.where(np.isfinite(stated), stated, 0), 0, 1)


def _one(cases: pd.DataFrame, model: Contender, *, bins: int, bootstrap: Bootstrap) -> dict[str, Any]:
    calibrated = model.calibration is not None
    groups = cases["group"]
    stated = _numbers(cases["quality"])
    confidence = _numbers(cases["confidence"]) if calibrated else stated
    iou, dice = cases["iou"].to_numpy(dtype=np.float64), cases["dice"].to_numpy(dtype=np.float64)
    error = calibration_error(confidence, iou, groups, bins=bins, bootstrap=bootstrap)
    raw = calibration_error(stated, iou, groups, bins=bins, bootstrap=bootstrap) if calibrated else error
    table = [
        {"low": one.low, "high": one.high, "n": one.n, "share": one.share, "quality": one.quality, "iou": one.iou}
        for one in reliability(confidence, iou, groups, bins=bins)
    ]
    held = (~(cases["abstain"].to_numpy(dtype=np.float64) == 0)).astype(np.float64)
    acted = {
        "abstained": to_json(cluster_mean(held, groups, bootstrap=bootstrap), bootstrap),
        "dice_kept": to_json(cluster_mean(np.where(held == 0, dice, math.nan), groups, bootstrap=bootstrap), bootstrap),
    }
    return {
        "calibrated": calibrated,
        "n": len(cases),
        "groups": int(groups.nunique()),
        "ece": to_json(error, bootstrap),
        "ece_raw": to_json(raw, bootstrap),
        "aurc": to_json(area_under_risk(confidence, 1 - dice, groups, bootstrap=bootstrap), bootstrap),
        "reliability": table,
        "risk_coverage": _thinned(risk_coverage(confidence, 1 - dice, groups)),
    } | (acted if calibrated else {})


def _thinned(curve: RiskCurve) -> list[dict[str, float]]:
    """About CURVE_POINTS points of a curve, among them its last: the first at or after each of as many coverages."""
    wanted = np.arange(1, CURVE_POINTS + 1) / CURVE_POINTS
    places = np.unique(np.minimum(np.searchsorted(curve.coverage, wanted - 1e-9), len(curve.coverage) - 1))
    return [{"coverage": min(1.0, float(curve.coverage[at])), "risk": float(curve.risk[at])} for at in places]


def guard_findings(
    cases: Cases | pd.DataFrame, subject: Contender, *, who: str, tried: Sequence[Tried], bootstrap: Bootstrap
) -> dict[str, Any]:
    """What the guard of a calibrated model does: on images that aren't ultrasound, and on each dataset's images with a
    case.

    Raises
    ------
    ValueError
        If the model carries no calibration.
    """
    if subject.calibration is None:
        raise ValueError(f"{who} carries no calibration, and so no guard")
    threshold = subject.calibration.guard.threshold
    images = (
        as_cases(cases)
        .where(model=who)
        .read(["dataset", "image_id", "group", "guard_score"], once=["dataset", "image_id"])
    )
    return {
        "threshold": threshold,
        "not_ultrasound": [{"kind": one.kind, "n": one.n, "flagged": one.flagged} for one in tried],
        "false_alarms": {
            str(name): to_json(
                cluster_mean(~(of["guard_score"] <= threshold), of["group"], bootstrap=bootstrap), bootstrap
            )
            for name, of in images.groupby("dataset")
        },
    }
