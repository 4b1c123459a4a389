"""Scored cases to what only some kinds of prompt can say: how fast a model gets worse with the box, what it invents.

The jitter curve holds the mean Dice over the fraction by which boxes were moved and scaled, and what is lost of the
exact box's Dice, case by case. False regions are the answers to boxes in which there is nothing; they enter no mean of
Dice. Leaves out: the means of every kind of prompt (summary.py), words (prompt_sections.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from components.evaluation.comparing.pairs import in_order, side_by_side
from components.evaluation.comparing.statistics import Bootstrap, Estimate, cluster_means, paired_differences
from components.evaluation.prompting.prompts import NOTHING, SHIFT_AND_SCALE
from components.evaluation.scoring.table import Cases, as_cases

CURVE = {"box": 0.0, **SHIFT_AND_SCALE}
"""Kinds of prompt on the jitter curve, and their fractions."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A model's mean Dice at a fraction, and its paired difference from the exact box's (None where there is none)."""

    jitter: float
    dice: Estimate
    change: Estimate | None


@dataclass(frozen=True, slots=True)
class FalseRegions:
    """In how many boxes without an object something was predicted: the share with its interval, and the number."""

    rate: Estimate
    count: int


def jitter_curves(cases: Cases | pd.DataFrame, *, bootstrap: Bootstrap) -> dict[str, list[CurvePoint]]:
    """Each model's curve on a dataset's cases, fractions ascending; empty unless some were moved and scaled."""
    on_curve = as_cases(cases).where(prompt=CURVE)
    if not set(on_curve.different("prompt")) & set(SHIFT_AND_SCALE):
        return {}
    return {who: _curve(on_curve.where(model=who), bootstrap) for who in on_curve.different("model")}


def _curve(cases: Cases, bootstrap: Bootstrap) -> list[CurvePoint]:
    kinds = set(cases.different("prompt"))
    points = []
    for kind, jitter in CURVE.items():
        if kind not in kinds:
            continue
        moved = in_order(_dices(cases, kind), by=("group", "case_id"))
        (mean,) = cluster_means(moved[["dice"]], moved["group"], bootstrap=bootstrap)
        change = None
        if jitter and "box" in kinds:
            both = side_by_side(moved, _dices(cases, "box"), by=("group", "case_id"), columns=["dice"])
            (change,) = paired_differences(both.first, both.second, both.groups, bootstrap=bootstrap)
        points.append(CurvePoint(jitter, mean, change))
    return points


def _dices(cases: Cases, kind: str) -> pd.DataFrame:
    return cases.where(prompt=kind).read(["dataset", "group", "case_id", "dice"])


def false_regions(cases: Cases | pd.DataFrame, *, bootstrap: Bootstrap) -> dict[str, FalseRegions]:
    """What each model finds in a dataset's boxes without an object; empty where no such box was asked."""
    asked = as_cases(cases).where(prompt=NOTHING)
    found = {}
    for who in asked.different("model"):
        rows = asked.where(model=who).read(["group", "false_region"])
        (rate,) = cluster_means(rows[["false_region"]], rows["group"], bootstrap=bootstrap)
        found[who] = FalseRegions(rate, int(rows["false_region"].sum()))
    return found
