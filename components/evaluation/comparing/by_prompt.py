"""Scored cases to what only some kinds of prompt can say: how fast a model gets worse with the box, what it invents.

The jitter curve holds the mean Dice over the fraction by which boxes were moved and scaled, and what is lost of the
exact box's Dice, case by case. False regions are the answers to boxes in which there is nothing; they enter no mean of
Dice. Leaves out: the means of every kind of prompt (summary.py), words (prompt_sections.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from components.evaluation.comparing.statistics import Bootstrap, Estimate, cluster_means, paired_differences
from components.evaluation.prompting.prompts import NOTHING, SHIFT_AND_SCALE

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


def jitter_curves(cases: pd.DataFrame, *, bootstrap: Bootstrap) -> dict[str, list[CurvePoint]]:
    """Each model's curve on a dataset's cases, fractions ascending; empty unless some were moved and scaled."""
    if not cases["prompt"].isin(SHIFT_AND_SCALE).any():
        return {}
    on_curve = cases[cases["prompt"].isin(CURVE)]
    return {str(who): _curve(of, bootstrap) for who, of in on_curve.groupby("model", sort=False)}


def _curve(cases: pd.DataFrame, bootstrap: Bootstrap) -> list[CurvePoint]:
    by_kind = {kind: of.set_index(["group", "case_id"])["dice"] for kind, of in cases.groupby("prompt")}
    points = []
    for kind, jitter in CURVE.items():
        if kind not in by_kind:
            continue
        moved = by_kind[kind].sort_index()
        groups = moved.index.get_level_values("group").tolist()
        (mean,) = cluster_means(moved.to_frame(), groups, bootstrap=bootstrap)
        change = None
        if jitter and "box" in by_kind:
            both = pd.concat([moved, by_kind["box"]], axis=1, join="inner", keys=["moved", "exact"]).sort_index()
            shared = both.index.get_level_values("group").tolist()
            (change,) = paired_differences(both[["moved"]], both[["exact"]], shared, bootstrap=bootstrap)
        points.append(CurvePoint(jitter, mean, change))
    return points


def false_regions(cases: pd.DataFrame, *, bootstrap: Bootstrap) -> dict[str, FalseRegions]:
    """What each model finds in a dataset's boxes without an object; empty where no such box was asked."""
    found = {}
    for who, of in cases[cases["prompt"] == NOTHING].groupby("model", sort=False):
        (rate,) = cluster_means(of[["false_region"]], of["group"].tolist(), bootstrap=bootstrap)
        found[str(who)] = FalseRegions(rate, int(of["false_region"].sum()))
    return found
