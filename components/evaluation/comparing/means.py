"""The cases of one dataset and kind of prompt to each contender's means, of all cases and of subgroups, as JSON.

Every mean Dice is held against the bound that the mean IoU sets. Skill is the share of the distance from the ellipse to
a perfect mean Dice that a contender gains. Leaves out: differences between contenders (summary.py).
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.json_form import to_json
from components.evaluation.comparing.statistics import (
    Bootstrap,
    Estimate,
    cluster_means,
    cluster_ratio,
    jensen_dice_bound,
)
from components.evaluation.comparing.subgroups import Subgroup, find_subgroups, worst_subgroup
from components.evaluation.scoring.cases import METRIC_COLUMNS


def contenders(cases: pd.DataFrame, *, bootstrap: Bootstrap) -> dict[str, Any]:
    """Each contender's metrics by name, and its skill where there is an ellipse.

    Raises
    ------
    ValueError
        If a mean Dice is above what its mean IoU allows: the cases weren't scored by one definition.
    """
    found = {who: _metrics(cases[cases["model"] == who], bootstrap) for who in dict.fromkeys(cases["model"])}
    for who, estimate in _skills(cases, bootstrap).items():
        found[who]["skill"] = to_json(estimate, bootstrap)
    return found


def _skills(cases: pd.DataFrame, bootstrap: Bootstrap) -> dict[str, Estimate]:
    """What share of the distance from the ellipse's mean Dice to 1 each other contender gains, on common cases.

    Empty where there is no ellipse; undefined where it is perfect.
    """
    by_who = {who: of.set_index(["group", "case_id"])["dice"] for who, of in cases.groupby("model", sort=False)}
    if ELLIPSE not in by_who:
        return {}
    found = {}
    for who, ours in by_who.items():
        if who != ELLIPSE:
            both = pd.concat([ours, by_who[ELLIPSE]], axis=1, join="inner", keys=["ours", "ellipse"]).sort_index()
            gained, possible = both["ours"] - both["ellipse"], 1 - both["ellipse"]
            groups = both.index.get_level_values("group").tolist()
            found[str(who)] = cluster_ratio(gained, possible, groups, bootstrap=bootstrap)
    return found


def _metrics(cases: pd.DataFrame, bootstrap: Bootstrap) -> dict[str, Any]:
    # Millimetres appear only where some image states its spacing; pixels and millimetres are never averaged.
    shown = {
        name: column
        for name, column in (METRIC_COLUMNS | {"fallback_rate": "fallback"}).items()
        if not name.endswith(("_mm", "fallback_rate")) or cases[column].notna().any()
    }
    estimates = cluster_means(cases[list(shown.values())], cases["group"].tolist(), bootstrap=bootstrap)
    found = {name: to_json(estimate, bootstrap) for name, estimate in zip(shown, estimates, strict=True)}
    for name in ("miss_rate", "fallback_rate"):
        if name in found:
            found[name]["count"] = int(cases[shown[name]].sum())
    _refuse_impossible(found["dice"]["mean"], found["iou"]["mean"])
    return found


def subgroup_means(cases: pd.DataFrame, *, subject: str, bootstrap: Bootstrap, min_groups: int) -> dict[str, Any]:
    """The means of every subgroup, and which of them is the worst of `subject`; raises as `contenders`."""
    found = find_subgroups(cases, bootstrap=bootstrap, min_groups=min_groups)
    worst = worst_subgroup(found, subject)
    return {
        "worst": None if worst is None else {"kind": worst.kind, "name": worst.name},
        "each": [_subgroup(one, bootstrap) for one in found],
    }


def _subgroup(found: Subgroup, bootstrap: Bootstrap) -> dict[str, Any]:
    models = {
        who: {metric: to_json(estimate, bootstrap) for metric, estimate in estimates.items()}
        for who, estimates in found.estimates.items()
    }
    for by_metric in models.values():
        _refuse_impossible(by_metric["dice"]["mean"], by_metric["iou"]["mean"])
    return {
        "kind": found.kind,
        "name": found.name,
        "cases": found.cases,
        "groups": found.groups,
        "enough": found.enough,
        "span": None if found.span is None else list(found.span),
        "models": models,
    }


def _refuse_impossible(dice: float | None, iou: float | None) -> None:
    """Refuse a mean Dice that no set of masks with this mean IoU can have; rounding is allowed for."""
    if (dice is None) != (iou is None) or (
        dice is not None and iou is not None and not iou - 1e-9 <= dice <= jensen_dice_bound(iou) + 1e-9
    ):
        raise ValueError(f"a mean Dice of {dice} beside a mean IoU of {iou}: these aren't the same masks, scored once")
