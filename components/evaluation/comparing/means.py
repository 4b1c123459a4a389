"""The cases of one dataset and kind of prompt to each contender's means, of all cases and of subgroups, as JSON.

Every mean Dice is held against the bound that the mean IoU sets. Skill is the share of the distance from the ellipse to
a perfect mean Dice that a contender gains. Leaves out: differences between contenders (summary.py).
"""

from __future__ import annotations

from typing import Any

from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.json_form import to_json
from components.evaluation.comparing.pairs import pairs
from components.evaluation.comparing.statistics import (
    Bootstrap,
    Estimate,
    cluster_means,
    cluster_ratio,
    jensen_dice_bound,
)
from components.evaluation.comparing.subgroups import Subgroup, find_subgroups, worst_subgroup
from components.evaluation.scoring.cases import METRIC_COLUMNS
from components.evaluation.scoring.table import Cases


def contenders(cases: Cases, *, bootstrap: Bootstrap) -> dict[str, Any]:
    """Each contender's metrics by name, and its skill where there is an ellipse.

    Raises
    ------
    ValueError
        If a mean Dice is above what its mean IoU allows: the cases weren't scored by one definition.
    """
    found = {who: _metrics(cases.where(model=who), bootstrap) for who in cases.different("model")}
    for who in found if ELLIPSE in found else ():
        if who != ELLIPSE:
            found[who]["skill"] = to_json(_skill(cases, who, bootstrap), bootstrap)
    return found


def _skill(cases: Cases, who: str, bootstrap: Bootstrap) -> Estimate:
    """What share of the distance from the ellipse's mean Dice to 1 a contender gains, on common cases; undefined where
    the ellipse is perfect."""
    both = pairs(cases, who, ELLIPSE, columns=["dice"])
    ours, ellipse = both.first["dice"].to_numpy(), both.second["dice"].to_numpy()
    return cluster_ratio(ours - ellipse, 1 - ellipse, both.groups, bootstrap=bootstrap)


def _metrics(cases: Cases, bootstrap: Bootstrap) -> dict[str, Any]:
    columns = METRIC_COLUMNS | {"fallback_rate": "fallback"}
    rows = cases.read(["group", *columns.values()])
    # Millimetres appear only where some image states its spacing; pixels and millimetres are never averaged.
    shown = {
        name: column
        for name, column in columns.items()
        if not name.endswith(("_mm", "fallback_rate")) or rows[column].notna().any()
    }
    counts = {name: int(rows[shown[name]].sum()) for name in ("miss_rate", "fallback_rate") if name in shown}
    values, groups = rows[list(shown.values())], rows["group"]
    del rows  # another copy of the values
    estimates = cluster_means(values, groups, bootstrap=bootstrap)
    found = {name: to_json(estimate, bootstrap) for name, estimate in zip(shown, estimates, strict=True)}
    for name, count in counts.items():
        found[name]["count"] = count
    _refuse_impossible(found["dice"]["mean"], found["iou"]["mean"])
    return found


def subgroup_means(cases: Cases, *, subject: str, bootstrap: Bootstrap, min_groups: int) -> dict[str, Any]:
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
