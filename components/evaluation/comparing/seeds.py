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
from components.params import SISTER_NAMES

SISTER = SISTER_NAMES
"""What a sister's role begins with; its seed follows."""
POOLED = "all"


def is_sister(who: str) -> bool:
    """Whether a role is that of a student trained with another seed."""
    return who.startswith(SISTER)


def without_sisters(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases of all others; the table itself where there is no sister."""
    sisters = cases["model"].str.startswith(SISTER)
    return cases[~sisters] if sisters.any() else cases


def seed_spread(cases: pd.DataFrame, models: Mapping[str, Contender]) -> dict[str, Any]:
    """`seeds` of metrics.json, for JSON alone; nothing where there are no sisters.

    `each` has the mean Dice of the student and every sister by dataset (and `all`) and prompt; `spread` mean, standard
    deviation (n - 1; None of one sister), minimum and maximum over the sisters' means, their number `n`, and
    how far the student lies above their mean. `candidate_seed` is None where the student's folder doesn't say.
    """
    if not any(is_sister(who) for who in models):
        return {}
    ours = cases[(cases["model"] == SUBJECT) | cases["model"].str.startswith(SISTER)]
    means = _means(ours[ours["prompt"] != NOTHING])
    each = {
        dataset: {kind: {who: {"dice": mean} for who, mean in by_who.items()} for kind, by_who in by_kind.items()}
        for dataset, by_kind in means.items()
    }
    spread = {
        dataset: {kind: _spread(by_who) for kind, by_who in by_kind.items()} for dataset, by_kind in means.items()
    }
    return {"seeds": {"candidate_seed": models[SUBJECT].seed, "each": each, "spread": spread}}


def _means(cases: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Mean Dice by dataset (`all` last), prompt and role; a role without any defined Dice has none."""
    keys = ["dataset", "prompt", "model"]
    by_group = cases.groupby([*keys, "group"], sort=False)["dice"].mean().dropna().reset_index()
    by_dataset = by_group.groupby(keys, sort=False)["dice"].mean().reset_index()
    pooled = by_dataset.groupby(keys[1:], sort=False)["dice"].mean().reset_index()
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in [*by_dataset.to_dict("records"), *pooled.assign(dataset=POOLED).to_dict("records")]:
        found.setdefault(row["dataset"], {}).setdefault(row["prompt"], {})[row["model"]] = float(row["dice"])
    return found


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
