"""Cases of the student and its sisters, trained with other seeds, to how far luck alone moves the mean Dice.

Sisters are no rivals: they stand in no table, difference or family of p values, only here. Means are those of all
tables: over cases, groups, and for `all` over datasets, each weighing the same. Leaves out: any verdict (the gate).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from components.evaluation.comparing.names import SUBJECT
from components.evaluation.prompting.prompts import NOTHING
from components.evaluation.scoring.cases import Contender
from components.evaluation.scoring.table import Cases, as_cases
from components.params import SISTER_NAMES

SISTER = SISTER_NAMES
"""What a sister's role begins with; its seed follows."""
POOLED = "all"


def is_sister(who: str) -> bool:
    """Whether a role is that of a student trained with another seed."""
    return who.startswith(SISTER)


def without_sisters(cases: Cases | pd.DataFrame) -> Cases:
    """The cases of all others."""
    table = as_cases(cases)
    return table.where(model=[who for who in table.different("model") if not is_sister(who)])


def seed_spread(cases: Cases | pd.DataFrame, models: Mapping[str, Contender]) -> dict[str, Any]:
    """`seeds` of metrics.json, for JSON alone; nothing where there are no sisters.

    `each` has the mean Dice of the student and every sister by dataset (and `all`) and prompt; `spread` mean, standard
    deviation (n - 1; None of one sister), minimum and maximum over the sisters' means, their number `n`, and
    how far the student lies above their mean. `candidate_seed` is None where the student's folder doesn't say.
    """
    if not any(is_sister(who) for who in models):
        return {}
    means = _means(as_cases(cases))
    each = {
        dataset: {kind: {who: {"dice": mean} for who, mean in by_who.items()} for kind, by_who in by_kind.items()}
        for dataset, by_kind in means.items()
    }
    spread = {
        dataset: {kind: _spread(by_who) for kind, by_who in by_kind.items()} for dataset, by_kind in means.items()
    }
    return {"seeds": {"candidate_seed": models[SUBJECT].seed, "each": each, "spread": spread}}


def _means(cases: Cases) -> dict[str, dict[str, dict[str, float]]]:
    """Mean Dice by dataset (`all` last), prompt and role; a role without any defined Dice has none."""
    ours = cases.where(model=[who for who in cases.different("model") if who == SUBJECT or is_sister(who)])
    asked = ours.read(["dataset", "prompt"], once=["dataset", "prompt"])
    parts = [
        _of_groups(ours, str(dataset), str(kind)) for dataset, kind in asked.itertuples(index=False) if kind != NOTHING
    ]
    if not parts:
        return {}
    by_dataset = pd.concat(parts)
    pooled = by_dataset.groupby(["prompt", "model"], sort=False)["dice"].mean().reset_index()
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in [*by_dataset.to_dict("records"), *pooled.assign(dataset=POOLED).to_dict("records")]:
        found.setdefault(row["dataset"], {}).setdefault(row["prompt"], {})[row["model"]] = float(row["dice"])
    return found


def _of_groups(cases: Cases, dataset: str, kind: str) -> pd.DataFrame:
    """Each model's mean over groups of its mean Dice in each, where any is defined: a row for each."""
    rows = cases.where(dataset=dataset, prompt=kind).read(["model", "group", "dice"])
    by_group = rows.groupby(["model", "group"], sort=False)["dice"].mean().dropna().reset_index()
    means = by_group.groupby("model", sort=False)["dice"].mean().reset_index()
    return means.assign(dataset=dataset, prompt=kind)


def _spread(by_who: Mapping[str, float]) -> dict[str, Any]:
    sisters = np.array([mean for who, mean in by_who.items() if is_sister(who)])
    if not sisters.size:
        return {"mean": None, "sd": None, "min": None, "max": None, "n": 0, "candidate_minus_mean": None}
    ours = by_who.get(SUBJECT, math.nan)
    return {
        "mean": float(sisters.mean()),
        "sd": float(sisters.std(ddof=1)) if sisters.size > 1 else None,
        "min": float(sisters.min()),
        "max": float(sisters.max()),
        "n": int(sisters.size),
        "candidate_minus_mean": None if math.isnan(ours) else float(ours - sisters.mean()),
    }
