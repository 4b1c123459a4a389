"""Scored cases to means with intervals: what `metrics.json` says.

By dataset, kind of prompt and model: each metric's mean, interval, number of cases and of undefined values. By
dataset and prompt also the paired differences of Dice, NSD and HD95 between the student and each other contender, on
the same cases. What was made from phantoms is marked: images by dataset, models by who. Every mean Dice is held
against the bound that the mean IoU sets. An external dataset counts as external only if the student is known never
to have seen it. Leaves out: words (components/evaluation/report.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from components.evaluation.cases import METRIC_COLUMNS, Contender
from components.evaluation.statistics import Bootstrap, Estimate, cluster_mean, jensen_dice_bound, paired_difference
from components.params import EvaluateParams
from components.types import Record

SCHEMA = 1
SUBJECT = "student"
DIFFERENCE_COLUMNS = {"dice": "dice", "nsd": "nsd_px", "hd95": "hd95_px"}


def bootstrap_of(params: EvaluateParams) -> Bootstrap:
    """The bootstrap that the parameters describe."""
    return Bootstrap(resamples=params.bootstrap_resamples, confidence=params.confidence, seed=params.seed)


def summarise(
    cases: pd.DataFrame, records: Sequence[Record], *, models: Mapping[str, Contender], params: EvaluateParams
) -> dict[str, Any]:
    """The content of `metrics.json`: for JSON alone, undefined numbers are None.

    `models` are the contenders by role. `model` is the student; `phantom` is true if it, or any image, is a phantom's.

    Raises
    ------
    ValueError
        If a mean Dice is above what its mean IoU allows: the cases weren't scored by one definition.
    """
    bootstrap = bootstrap_of(params)
    names = sorted({record.dataset for record in records})
    return {
        "schema": SCHEMA,
        "model": _described(models[SUBJECT]),
        "models": {who: _described(model) for who, model in models.items()},
        "phantom": models[SUBJECT].phantom or any(record.phantom for record in records),
        "confidence": params.confidence,
        "nsd_tolerance": {"px": params.nsd_tolerance_px, "mm": params.nsd_tolerance_mm},
        "datasets": {
            name: _dataset(
                cases[cases["dataset"] == name],
                [record for record in records if record.dataset == name],
                bootstrap=bootstrap,
            )
            | _exposure(name, records, models)
            for name in names
        },
    }


def _described(model: Contender) -> dict[str, Any]:
    return {"name": model.name, "digest": model.digest, "phantom": model.phantom}


def _exposure(name: str, records: Sequence[Record], models: Mapping[str, Contender]) -> dict[str, Any]:
    """For an external dataset, whether each model had seen it, and whether it counts as external; else nothing."""
    if not any(record.dataset == name and record.role == "external" for record in records):
        return {}
    found = {who: model.exposure.of(name) for who, model in models.items()}
    return {
        "exposure": found,
        "exposure_basis": models[SUBJECT].exposure.basis,
        "counts_as_external": found[SUBJECT] == "no",
    }


def _dataset(cases: pd.DataFrame, records: Sequence[Record], *, bootstrap: Bootstrap) -> dict[str, Any]:
    with_cases = set(cases["image_id"])
    kinds = list(dict.fromkeys(cases["prompt"]))
    return {
        "images": len(with_cases),
        "groups": int(cases["group"].nunique()),
        "cases": int(cases["case_id"].nunique()),
        "images_without_case": len(records) - len(with_cases),
        "phantom": any(record.phantom for record in records),
        "phantom_images": sum(record.phantom for record in records),
        "prompts": {kind: _contenders(cases[cases["prompt"] == kind], bootstrap) for kind in kinds},
        "differences": {kind: _differences(cases[cases["prompt"] == kind], bootstrap) for kind in kinds},
    }


def _contenders(cases: pd.DataFrame, bootstrap: Bootstrap) -> dict[str, Any]:
    return {who: _metrics(cases[cases["model"] == who], bootstrap) for who in dict.fromkeys(cases["model"])}


def _metrics(cases: pd.DataFrame, bootstrap: Bootstrap) -> dict[str, Any]:
    # Millimetres appear only where some image states its spacing; pixels and millimetres are never averaged.
    shown = [name for name, column in METRIC_COLUMNS.items() if not name.endswith("_mm") or cases[column].notna().any()]
    groups = cases["group"].tolist()
    found = {
        name: to_json(cluster_mean(cases[METRIC_COLUMNS[name]], groups, bootstrap=bootstrap), bootstrap)
        for name in shown
    }
    found["miss_rate"]["count"] = int(cases["miss"].sum())
    if cases["fallback"].notna().any():
        rate = to_json(cluster_mean(cases["fallback"], groups, bootstrap=bootstrap), bootstrap)
        found["fallback_rate"] = rate | {"count": int(cases["fallback"].sum())}
    _refuse_impossible(found["dice"]["mean"], found["iou"]["mean"])
    return found


def _refuse_impossible(dice: float | None, iou: float | None) -> None:
    """Refuse a mean Dice that no set of masks with this mean IoU can have; rounding is allowed for."""
    if (dice is None) != (iou is None) or (
        dice is not None and iou is not None and not iou - 1e-9 <= dice <= jensen_dice_bound(iou) + 1e-9
    ):
        raise ValueError(f"a mean Dice of {dice} beside a mean IoU of {iou}: these aren't the same masks, scored once")


def _differences(cases: pd.DataFrame, bootstrap: Bootstrap) -> dict[str, Any]:
    others = [who for who in dict.fromkeys(cases["model"]) if who != SUBJECT]
    return {
        f"{SUBJECT}-{who}": {
            name: to_json(compare(cases, SUBJECT, who, column=column, bootstrap=bootstrap), bootstrap)
            for name, column in DIFFERENCE_COLUMNS.items()
        }
        for who in others
    }


def compare(cases: pd.DataFrame, first: str, second: str, *, column: str = "dice", bootstrap: Bootstrap) -> Estimate:
    """The paired difference of two contenders, first minus second, on the cases that both have.

    Cases of several datasets are pooled so that every dataset weighs the same.
    """
    keys = ["dataset", "group", "case_id", "prompt"]
    one, other = (cases[cases["model"] == who].set_index(keys)[column] for who in (first, second))
    both = pd.concat([one, other], axis=1, join="inner", keys=["first", "second"]).sort_index()
    return paired_difference(
        both["first"],
        both["second"],
        both.index.get_level_values("group").tolist(),
        strata=both.index.get_level_values("dataset").tolist(),
        bootstrap=bootstrap,
    )


def interval_key(confidence: float) -> str:
    """The name under which an interval stands: `ci95` for a confidence of 0.95."""
    return f"ci{100 * confidence:g}"


def to_json(estimate: Estimate, bootstrap: Bootstrap) -> dict[str, Any]:
    """An estimate as JSON; what is undefined (NaN) becomes None."""
    return {
        "mean": _number(estimate.mean),
        interval_key(bootstrap.confidence): [_number(estimate.low), _number(estimate.high)],
        "n": estimate.n,
        "undefined": estimate.undefined,
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
