"""Scored cases of one dataset to the same means by subgroup, and to the subgroup in which the student does worst.

A mean may hide that a model fails on small, faint or rare objects. Subgroups depend on the truth and the image alone,
never on a prediction: the class and the anatomical name that the source gives, quarters of the dataset's objects by
area and by contrast, whether calipers are seen, and by what machine and where the image was taken. Objects for which a
property isn't known belong to no subgroup of that kind. A subgroup with too few groups is listed as such, and is never
called the worst. Leaves out: intervals (components/evaluation/comparing/statistics.py), words (report.py).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from components.evaluation.comparing.names import ORIGINS
from components.evaluation.comparing.statistics import Bootstrap, Estimate, cluster_means

SUBGROUP_COLUMNS = {"dice": "dice", "iou": "iou", "nsd": "nsd_px", "miss_rate": "miss"}
QUARTERS = {
    "size": ("area_px", ("smallest", "second", "third", "largest")),
    "contrast": ("contrast", ("lowest", "second", "third", "highest")),
}
NAMED = {"class": "subject_class", "label": "label"} | {kind: kind for kind in ORIGINS}
CALIPERS = {0.0: "without", 1.0: "with"}


@dataclass(frozen=True, slots=True)
class Subgroup:
    """One subgroup: what it is by (`kind`) and its name, its cases and groups, whether they are enough, the estimates
    by model and metric, and for quarters the least and greatest value."""

    kind: str
    name: str
    cases: int
    groups: int
    enough: bool
    span: tuple[float, float] | None
    estimates: Mapping[str, Mapping[str, Estimate]]


def find_subgroups(cases: pd.DataFrame, *, bootstrap: Bootstrap, min_groups: int) -> list[Subgroup]:
    """The subgroups of a dataset's cases under one prompt, each with the means of all models; none where all objects
    would be in one."""
    members = memberships(cases)
    # Columns are chosen before rows: a table of scored cases has many times as many as are asked for here.
    measures = [column for column, _ in QUARTERS.values()]
    cases = cases[["case_id", "group", "model", *SUBGROUP_COLUMNS.values(), *measures]]
    found: list[Subgroup] = []
    for kind, names in members.items():
        placed = cases["case_id"].map(names)
        present = [name for name in _order(kind) if (placed == name).any()] or sorted(set(names.values()))
        if len(present) < 2:
            continue
        found += [
            _subgroup(kind, name, cases[placed == name], bootstrap=bootstrap, min_groups=min_groups) for name in present
        ]
    return found


def memberships(cases: pd.DataFrame) -> dict[str, dict[str, str]]:
    """By kind: the subgroup of each case (by `case_id`) for which it is known."""
    each = cases.drop_duplicates("case_id").set_index("case_id")
    # The cases of a model that was judged earlier may lie in a table without scanner and site.
    found = {kind: _as_names(each[column]) for kind, column in NAMED.items() if column in each}
    found |= {kind: _quarters(each[column], names) for kind, (column, names) in QUARTERS.items()}
    found["calipers"] = {str(case): CALIPERS[value] for case, value in each["calipers"].dropna().items()}
    return found


def stated_origins(cases: pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many of the cases' images are of each scanner, and of each site; a kind is missing where none is known."""
    images = cases.drop_duplicates("image_id").set_index("image_id")
    counts = {kind: Counter(_as_names(images[kind]).values()) for kind in ORIGINS if kind in images}
    return {kind: dict(sorted(count.items())) for kind, count in counts.items() if count}


def worst_subgroup(subgroups: Sequence[Subgroup], who: str) -> Subgroup | None:
    """The subgroup with enough groups in which a model's mean Dice is lowest; None if none is large enough."""
    judged = [
        one
        for one in subgroups
        if one.enough and who in one.estimates and math.isfinite(one.estimates[who]["dice"].mean)
    ]
    return min(judged, key=lambda one: one.estimates[who]["dice"].mean, default=None)


def _order(kind: str) -> tuple[str, ...]:
    if kind in QUARTERS:
        return QUARTERS[kind][1]
    return tuple(CALIPERS.values()) if kind == "calipers" else ()


def _as_names(column: pd.Series) -> dict[str, str]:
    known = column[column.notna() & ~column.isin(["", "None", "nan"])]
    return {str(case): str(value) for case, value in known.items()}


def _quarters(column: pd.Series, names: Sequence[str]) -> dict[str, str]:
    """Each known value's quarter; equal values are never parted, so that quarters may differ in size or be empty."""
    known = column.dropna().astype(float)
    if known.empty:
        return {}
    edges = np.quantile(known, [0.25, 0.5, 0.75])
    places = np.searchsorted(edges, known.to_numpy(), side="left")
    return {str(case): names[place] for case, place in zip(known.index, places, strict=True)}


def _subgroup(kind: str, name: str, cases: pd.DataFrame, *, bootstrap: Bootstrap, min_groups: int) -> Subgroup:
    # A row for each case, a column for each model and metric, so that all share their resamples.
    each = cases.drop_duplicates("case_id")
    wide = cases.pivot(index="case_id", columns="model", values=list(SUBGROUP_COLUMNS.values())).loc[each["case_id"]]
    groups = each["group"].tolist()
    flat = cluster_means(wide.to_numpy(dtype=np.float64), groups, bootstrap=bootstrap)
    by_column = {(str(key[0]), str(key[1])): one for key, one in zip(wide.columns, flat, strict=True)}
    measure = QUARTERS[kind][0] if kind in QUARTERS else None
    count = len(set(groups))
    return Subgroup(
        kind=kind,
        name=name,
        cases=len(wide),
        groups=count,
        enough=count >= min_groups,
        span=None if measure is None else (float(cases[measure].min()), float(cases[measure].max())),
        estimates={
            str(who): {metric: by_column[source, who] for metric, source in SUBGROUP_COLUMNS.items()}
            for who in dict.fromkeys(cases["model"])
        },
    )
