"""Scored cases to means with intervals: what `metrics.json` says.

By dataset, kind of prompt and model: each metric's mean, interval, number of cases and of undefined values, and whether
there are enough groups for the interval to be a claim. By dataset and prompt also the paired differences of Dice, NSD
and HD95 between the student and each other contender, on the same cases, and beside them p values as checks, which
together are one family; and the same means by subgroup, of which the student's worst is named. What was made from
phantoms is marked: images by dataset, models by who. An external dataset counts as external only if the student is
known never to have seen it. Boxes in which there is nothing enter none of these means; they and the jitter curve stand
apart, where they were asked for (by_prompt.py), and so do students of other seeds (seeds.py). Leaves out: words
(components/evaluation/reporting/report.py).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from components.evaluation.comparing.by_prompt import false_regions, jitter_curves
from components.evaluation.comparing.confidence_tables import ROLES, confidence_by_prompt
from components.evaluation.comparing.json_form import number, to_json
from components.evaluation.comparing.means import contenders, subgroup_means
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.comparing.pairs import pairs
from components.evaluation.comparing.seeds import seed_spread, without_sisters
from components.evaluation.comparing.significance import holm, miss_test, signed_rank_p
from components.evaluation.comparing.statistics import Bootstrap, Estimate, paired_differences
from components.evaluation.comparing.subgroups import stated_origins
from components.evaluation.prompting.prompts import NOTHING, OF_IMAGE
from components.evaluation.scoring.cases import Contender
from components.evaluation.scoring.table import Cases, as_cases
from components.params import EvaluateParams
from components.types import Record

SCHEMA = 1
DIFFERENCE_COLUMNS = {"dice": "dice", "nsd": "nsd_px", "hd95": "hd95_px"}


def bootstrap_of(params: EvaluateParams) -> Bootstrap:
    """The bootstrap that the parameters describe."""
    return Bootstrap(
        resamples=params.bootstrap_resamples,
        confidence=params.confidence,
        seed=params.seed,
        min_groups=params.min_groups,
    )


@dataclass(frozen=True, slots=True)
class _Images:
    """How many images of a dataset there are, how many of them are phantoms, and whether they are external."""

    count: int
    phantoms: int
    external: bool


def summarise(
    cases: Cases | pd.DataFrame, records: Iterable[Record], *, models: Mapping[str, Contender], params: EvaluateParams
) -> dict[str, Any]:
    """The content of `metrics.json`: for JSON alone, undefined numbers are None.

    `models` are the contenders by role. `model` is the student; `phantom` is true if it, or any image, is a phantom's.
    `calibration` names the files by which student and model in use stated their confidence (None without one).
    Of `cases` a few columns of one dataset, kind of prompt and model are held at a time; records are passed over once.

    Raises
    ------
    ValueError
        If a mean Dice is above what its mean IoU allows: the cases weren't scored by one definition.
    """
    bootstrap = bootstrap_of(params)
    images = _images_by_dataset(records)
    judged = without_sisters(cases)
    of_dataset = {name: judged.where(dataset=name) for name in sorted(images)}
    return {
        **seed_spread(cases, models),
        "schema": SCHEMA,
        "model": _described(models[SUBJECT]),
        "models": {who: _described(model) for who, model in models.items()},
        "calibration": {who: models[who].calibration_sha256 if who in models else None for who in ROLES},
        "phantom": models[SUBJECT].phantom or any(one.phantoms for one in images.values()),
        "confidence": params.confidence,
        "nsd_tolerance": {"px": params.nsd_tolerance_px, "mm": params.nsd_tolerance_mm},
        "min_groups": params.min_groups,
        "subgroup_min_groups": params.subgroup_min_groups,
        "datasets": _as_one_family(
            {
                name: _dataset(own, images[name], bootstrap=bootstrap, subgroup_min_groups=params.subgroup_min_groups)
                | (_exposure(name, models) if images[name].external else {})
                | _confidence(own, models, params)
                for name, own in of_dataset.items()
            }
        ),
    }


def _images_by_dataset(records: Iterable[Record]) -> dict[str, _Images]:
    count: Counter[str] = Counter()
    phantoms: Counter[str] = Counter()
    external = set()
    for record in records:
        count[record.dataset] += 1
        phantoms[record.dataset] += record.phantom
        if record.role == "external":
            external.add(record.dataset)
    return {name: _Images(images, phantoms[name], name in external) for name, images in count.items()}


def _described(model: Contender) -> dict[str, Any]:
    return {"name": model.name, "digest": model.digest, "phantom": model.phantom}


def _exposure(name: str, models: Mapping[str, Contender]) -> dict[str, Any]:
    """Whether each model had seen an external dataset, and whether it counts as external."""
    found = {who: model.exposure.of(name) for who, model in models.items()}
    return {
        "exposure": found,
        "exposure_basis": models[SUBJECT].exposure.basis,
        "counts_as_external": found[SUBJECT] == "no",
    }


def _confidence(cases: Cases, models: Mapping[str, Contender], params: EvaluateParams) -> dict[str, Any]:
    """How far student and model in use can be trusted where they say how sure they are; nothing where neither does."""
    bins, bootstrap = params.reliability_bins, bootstrap_of(params)
    found = confidence_by_prompt(cases, models, bins=bins, bootstrap=bootstrap)
    return {"confidence": found} if found else {}


def _dataset(cases: Cases, images: _Images, *, bootstrap: Bootstrap, subgroup_min_groups: int) -> dict[str, Any]:
    with_cases = _how_many(cases, "image_id")
    asked = cases.different("prompt")
    of_kind = {kind: cases.where(prompt=kind) for kind in asked if kind != NOTHING}
    of_objects = cases.where(prompt=[kind for kind in asked if kind not in (NOTHING, *OF_IMAGE)])
    return {
        "images": with_cases,
        "groups": _how_many(cases, "group"),
        "cases": _how_many(of_objects, "case_id"),
        "images_without_case": images.count - with_cases,
        "phantom": images.phantoms > 0,
        "phantom_images": images.phantoms,
        "origins": stated_origins(cases),
        "prompts": {kind: contenders(own, bootstrap=bootstrap) for kind, own in of_kind.items()},
        "differences": {kind: _differences(own, bootstrap) for kind, own in of_kind.items()},
        "checks": {kind: _checks(own) for kind, own in of_kind.items()},
        "subgroups": {
            kind: subgroup_means(own, subject=SUBJECT, bootstrap=bootstrap, min_groups=subgroup_min_groups)
            for kind, own in of_kind.items()
        },
        **_by_prompt(cases, bootstrap),
    }


def _how_many(cases: Cases, column: str) -> int:
    return len(cases.read([column], once=[column]))


def _by_prompt(cases: Cases, bootstrap: Bootstrap) -> dict[str, Any]:
    """`jitter_curve` and `false_regions`, each only where its prompts were asked for."""
    curves = {
        who: [
            {
                "jitter": point.jitter,
                "dice": to_json(point.dice, bootstrap),
                "change": None if point.change is None else to_json(point.change, bootstrap),
            }
            for point in points
        ]
        for who, points in jitter_curves(cases, bootstrap=bootstrap).items()
    }
    invented = {
        who: to_json(found.rate, bootstrap) | {"count": found.count}
        for who, found in false_regions(cases, bootstrap=bootstrap).items()
    }
    return ({"jitter_curve": curves} if curves else {}) | ({"false_regions": invented} if invented else {})


def _differences(cases: Cases, bootstrap: Bootstrap) -> dict[str, Any]:
    found = {}
    for who in _others(cases):
        estimates = _compared(cases, SUBJECT, who, columns=list(DIFFERENCE_COLUMNS.values()), bootstrap=bootstrap)
        found[f"{SUBJECT}-{who}"] = {
            name: to_json(estimate, bootstrap) for name, estimate in zip(DIFFERENCE_COLUMNS, estimates, strict=True)
        }
    return found


def _checks(cases: Cases) -> dict[str, Any]:
    """Beside each difference: signed ranks of Dice, and in how many groups one or the other misses more objects."""
    found = {}
    for who in _others(cases):
        both = pairs(cases, SUBJECT, who, columns=["dice", "miss"])
        ours, theirs = both.first, both.second
        misses = miss_test(ours["miss"], theirs["miss"], both.groups)
        lead = ours["dice"].to_numpy() - theirs["dice"].to_numpy()
        found[f"{SUBJECT}-{who}"] = {
            "signed_rank_p": number(signed_rank_p(lead, both.groups)),
            "groups_where_student_misses_more": misses.first_worse,
            "groups_where_other_misses_more": misses.second_worse,
            "misses_p": number(misses.p),
        }
    return found


def _as_one_family(datasets: dict[str, Any]) -> dict[str, Any]:
    """The datasets with Holm's correction beside each p value; all that one `metrics.json` holds are the family."""
    places = [
        (check, name)
        for dataset in datasets.values()
        for by_pair in dataset["checks"].values()
        for check in by_pair.values()
        for name in ("signed_rank_p", "misses_p")
    ]
    raw = [math.nan if check[name] is None else check[name] for check, name in places]
    for (check, name), corrected in zip(places, holm(raw), strict=True):
        check[f"{name}_holm"] = number(corrected)
    return datasets


def _others(cases: Cases) -> list[str]:
    return [who for who in cases.different("model") if who != SUBJECT]


def compare(
    cases: Cases | pd.DataFrame, first: str, second: str, *, column: str = "dice", bootstrap: Bootstrap
) -> Estimate:
    """The paired difference of two contenders, first minus second, on the cases that both have.

    Cases of several datasets are pooled so that every dataset weighs the same.
    """
    return _compared(as_cases(cases), first, second, columns=[column], bootstrap=bootstrap)[0]


def _compared(
    cases: Cases, first: str, second: str, *, columns: list[str], bootstrap: Bootstrap
) -> tuple[Estimate, ...]:
    both = pairs(cases, first, second, columns=columns)
    return paired_differences(both.first, both.second, both.groups, strata=both.datasets, bootstrap=bootstrap)
