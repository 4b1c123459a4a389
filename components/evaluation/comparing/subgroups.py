"""Scored cases of one dataset to the same means by subgroup, and to the subgroup in which the student does worst.

A mean may hide that a model fails on small, faint or rare objects. Subgroups depend on the truth and the image alone,
never on a prediction: the class and the anatomical name that the source gives, quarters of the dataset's objects by
area and by contrast, whether calipers are seen, and by what machine and where the image was taken. Objects for which a
property isn't known belong to no subgroup of that kind. A subgroup with too few groups is listed as such, and is never
called the worst. Leaves out: intervals (components/evaluation/comparing/statistics.py), words (report.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.evaluation.comparing.names import ORIGINS
from components.evaluation.comparing.statistics import Bootstrap, Estimate, cluster_means
from components.evaluation.scoring.table import Cases, as_cases

SUBGROUP_COLUMNS = {"dice": "dice", "iou": "iou", "nsd": "nsd_px", "miss_rate": "miss"}
QUARTERS = {
    "size": ("area_px", ("smallest", "second", "third", "largest")),
    "contrast": ("contrast", ("lowest", "second", "third", "highest")),
}
NAMED = {"class": "subject_class", "label": "label"} | {kind: kind for kind in ORIGINS}
CALIPERS = ("without", "with")
"""By whether calipers are seen: 0 or 1."""


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


@dataclass(frozen=True, slots=True)
class _Scored:
    """The cases under one prompt: what is known of each but its scores, the models, and a row for each case (C) with
    all models' values of each of SUBGROUP_COLUMNS (columns: metrics, each with the M models; NaN where a model wasn't
    asked)."""

    each: pd.DataFrame
    models: Sequence[str]
    asked: NDArray[np.bool_]  # C M
    values: NDArray[np.float64]  # C (metrics x M)


def find_subgroups(cases: Cases | pd.DataFrame, *, bootstrap: Bootstrap, min_groups: int) -> list[Subgroup]:
    """The subgroups of a dataset's cases under one prompt, each with the means of all models; none where all objects
    would be in one."""
    table = as_cases(cases)
    each = one_row_a_case(table)
    members = memberships(each)
    each = each[["case_id", "group", *(column for column, _ in QUARTERS.values())]]
    scored = _scored(table, each)
    found: list[Subgroup] = []
    for kind, placed in members.items():
        present = [(name, chosen) for at, name in enumerate(placed.categories) if (chosen := placed.codes == at).any()]
        if len(present) < 2:
            continue
        found += [
            _subgroup(kind, name, scored, chosen, bootstrap=bootstrap, min_groups=min_groups)
            for name, chosen in present
        ]
    return found


def one_row_a_case(cases: Cases) -> pd.DataFrame:
    """What subgroups are by, and the group: a row for each case (by `case_id`)."""
    asked = ("case_id", "group", *NAMED.values(), *(column for column, _ in QUARTERS.values()), "calipers")
    # The cases of a model that was judged earlier may lie in a table without scanner and site.
    return cases.read([column for column in asked if column in cases.columns], once=["case_id"])


def memberships(each: pd.DataFrame) -> dict[str, pd.Categorical[str]]:
    """By kind: the subgroup of each case (C), as `one_row_a_case` gives them, where it is known."""
    found = {kind: pd.Categorical(_as_names(each[column])) for kind, column in NAMED.items() if column in each}
    found |= {kind: _quarters(each[column], names) for kind, (column, names) in QUARTERS.items()}
    seen = each["calipers"].to_numpy(dtype=np.float64)
    return found | {"calipers": _placed(seen, ~np.isnan(seen), CALIPERS)}


def stated_origins(cases: Cases | pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many of the cases' images are of each scanner, and of each site; a kind is missing where none is known."""
    table = as_cases(cases)
    kinds = [kind for kind in ORIGINS if kind in table.columns]
    images = table.read(["image_id", *kinds], once=["image_id"])
    counts = {kind: _as_names(images[kind]).value_counts() for kind in kinds}
    return {
        kind: {str(name): int(n) for name, n in sorted(count.items())} for kind, count in counts.items() if len(count)
    }


def worst_subgroup(subgroups: Sequence[Subgroup], who: str) -> Subgroup | None:
    """The subgroup with enough groups in which a model's mean Dice is lowest; None if none is large enough."""
    judged = [
        one
        for one in subgroups
        if one.enough and who in one.estimates and math.isfinite(one.estimates[who]["dice"].mean)
    ]
    return min(judged, key=lambda one: one.estimates[who]["dice"].mean, default=None)


def _as_names(column: pd.Series) -> pd.Series:
    """A column's texts; NaN where nothing is said."""
    return column.astype("str").where(~column.isin(["", "None", "nan"]) & column.notna())


def _quarters(column: pd.Series, names: Sequence[str]) -> pd.Categorical[str]:
    """Each known value's quarter; equal values are never parted, so that quarters may differ in size or be empty."""
    values = column.to_numpy(dtype=np.float64)
    known = ~np.isnan(values)
    edges = np.quantile(values[known], [0.25, 0.5, 0.75]) if known.any() else np.zeros(3)
    return _placed(np.searchsorted(edges, values, side="left"), known, names)


def _placed(places: NDArray[Any], known: NDArray[np.bool_], names: Sequence[str]) -> pd.Categorical[str]:
    """The name at each place (C) where one is known."""
    return pd.Categorical.from_codes(np.where(known, places, -1).astype(np.int64), pd.Index(names))


def _scored(cases: Cases, each: pd.DataFrame) -> _Scored:
    models = sorted(cases.different("model"))
    asked = np.zeros((len(each), len(models)), dtype=np.bool_)
    values = np.full((len(each), len(SUBGROUP_COLUMNS) * len(models)), math.nan)
    for at, who in enumerate(models):
        rows = cases.where(model=who).read(["case_id", *SUBGROUP_COLUMNS.values()])
        # Cases are numbered as they come, so that those of `each` have the numbers of their rows.
        places = pd.factorize(pd.concat([each["case_id"], rows["case_id"]]))[0][len(each) :]
        if len(np.unique(places)) < len(places):
            raise ValueError(f"{who} stands twice at a case: subgroups would count it twice")
        asked[places, at] = True
        values[places, at :: len(models)] = rows[list(SUBGROUP_COLUMNS.values())].to_numpy(dtype=np.float64)
    return _Scored(each, models, asked, values)


def _subgroup(
    kind: str, name: str, scored: _Scored, chosen: NDArray[np.bool_], *, bootstrap: Bootstrap, min_groups: int
) -> Subgroup:
    models = np.flatnonzero(scored.asked[chosen].any(axis=0)).tolist()
    keys = [(column, at) for column in range(len(SUBGROUP_COLUMNS)) for at in models]
    # A row for each case, a column for each model and metric, so that all share their resamples.
    columns = np.array([column * len(scored.models) + at for column, at in keys])
    wide = scored.values[np.ix_(chosen, columns)]
    cases = scored.each[chosen]
    flat = dict(zip(keys, cluster_means(wide, cases["group"], bootstrap=bootstrap), strict=True))
    measure = QUARTERS[kind][0] if kind in QUARTERS else None
    count = int(cases["group"].nunique())
    return Subgroup(
        kind=kind,
        name=name,
        cases=len(cases),
        groups=count,
        enough=count >= min_groups,
        span=None if measure is None else (float(cases[measure].min()), float(cases[measure].max())),
        estimates={
            scored.models[at]: {metric: flat[column, at] for column, metric in enumerate(SUBGROUP_COLUMNS)}
            for at in models
        },
    )
