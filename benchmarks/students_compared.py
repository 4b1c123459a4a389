"""Cases of students, each trained with several seeds, to means, paired differences and a table.

A student is its trainings: the Dice of a case is the mean over them, and a difference to the first student is taken
case by case of these means, resampled by group (patient, video) within each dataset. Such an interval covers the choice
of images; what the luck of a training does stands beside it, as the differences of each seed. Leaves out: training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from components.evaluation.comparing.json_form import interval_key, to_json
from components.evaluation.comparing.statistics import Estimate, cluster_mean, paired_differences
from components.evaluation.comparing.summary import bootstrap_of
from components.params import EvaluateParams

LARGEST_LOSS_DICE = 0.005
"""A student loses nothing measurable if no mean over the datasets is below the first's by more, and no set is surely
worse."""


def compare(cases: pd.DataFrame, params: EvaluateParams, *, first: str) -> dict[str, Any]:
    """By kind of prompt and student: mean Dice over all datasets and of each, and the difference to the first one.

    `cases` are those of scoring with two more columns: `student` and `seed`.
    """
    return {
        str(kind): {str(who): _of_student(of_kind, str(who), params, first) for who in dict.fromkeys(of_kind.student)}
        for kind, of_kind in cases.groupby("prompt", sort=False)
    }


def loses_nothing(compared: Mapping[str, Any], name: str, params: EvaluateParams, *, first: str) -> dict[str, bool]:
    """By kind of prompt, whether a student loses nothing measurable against the first."""
    key = interval_key(params.confidence)
    return {
        kind: all(
            of[f"less_{first}"]["mean"] >= -LARGEST_LOSS_DICE
            if part == "all"
            else of[f"less_{first}"][key][1] is None or of[f"less_{first}"][key][1] >= 0
            for part, of in by_student[name].items()
        )
        for kind, by_student in compared.items()
    }


def _of_student(cases: pd.DataFrame, who: str, params: EvaluateParams, first: str) -> dict[str, Any]:
    bootstrap = bootstrap_of(params)
    ours, theirs = (_by_case(cases[cases.student == name]) for name in (who, first))
    theirs = theirs.loc[ours.index]
    found: dict[str, Any] = {}
    parts = {"all": ours} | {str(name): of for name, of in ours.groupby("dataset")}
    for name, part in parts.items():
        groups, strata = part["group"].tolist(), part["dataset"].tolist()
        mean = cluster_mean(part["dice"], groups, bootstrap=bootstrap, strata=strata)
        found[name] = {"dice": _shown(mean, params), "by_seed": _means(cases, who, name)}
        if who != first:
            (less,) = paired_differences(
                part[["dice"]], theirs.loc[part.index, ["dice"]], groups, bootstrap=bootstrap, strata=strata
            )
            found[name][f"less_{first}"] = _shown(less, params)
    return found


def _by_case(cases: pd.DataFrame) -> pd.DataFrame:
    """One row a case, its Dice the mean over the trainings."""
    return cases.groupby("case_id", sort=False).agg({"dice": "mean", "group": "first", "dataset": "first"})


def _means(cases: pd.DataFrame, who: str, part: str) -> dict[str, float]:
    """The mean Dice of each training, over the same groups."""
    own = cases[cases.student == who]
    if part != "all":
        own = own[own.dataset == part]
    by_group = own.groupby(["seed", "dataset", "group"], sort=False).dice.mean()
    by_dataset = by_group.groupby(["seed", "dataset"], sort=False).mean()
    return {str(seed): round(float(mean), 4) for seed, mean in by_dataset.groupby("seed", sort=False).mean().items()}


def _shown(estimate: Estimate, params: EvaluateParams) -> dict[str, Any]:
    bootstrap = bootstrap_of(params)
    found = to_json(estimate, bootstrap)
    key = interval_key(bootstrap.confidence)
    rounded = [None if each is None else round(each, 4) for each in (found["mean"], *found[key])]
    return {"mean": rounded[0], key: rounded[1:], "cases": found["n"], "groups": found["groups"]}


COLUMNS = (("test", "box"), ("test", "box_jitter"), ("test", "click"), ("real", "box_jitter"), ("real", "click"))
SAID = {"box": "exact box", "box_jitter": "jittered box", "click": "click"}


def as_table(result: Mapping[str, Any]) -> str:
    """A record of benchmarks/students.py as a table in Markdown: Dice, differences to the first, and times."""
    shown = [(side, kind) for side, kind in COLUMNS if side in result]
    heads = ["real lesions, " * (side == "real") + SAID[kind] for side, kind in shown]
    times = [f"{part} {of['image_size_px']}², ms" for of in result["latency"] for part in ("encoder", "click")]
    lines = [f"| Student | {' | '.join([*heads, *times])} |", "|" + "---|" * (1 + len(heads) + len(times))]
    for name in result["students"]:
        scores = [_cell(result[side][kind][name]["all"]) for side, kind in shown]
        costs = [_cost(of[part], name) for of in result["latency"] for part in ("encoder", "click")]
        lines.append(f"| `{name}` | {' | '.join([*scores, *costs])} |")
    worse = [
        f"`{name}` with {SAID[kind]} on {part}, {_cell(of)}"
        for kind in SAID
        for name in result["students"]
        for part, of in result["test"][kind][name].items()
        if part != "all" and (less := _less(of)) and less[2] is not None and less[2] < 0
    ]
    surely = "; ".join(worse) if worse else "none"
    return "\n".join([*lines, "", f"Surely worse than `{result['first']}` on a single dataset: {surely}."])


def _less(of: Mapping[str, Any]) -> tuple[float, float | None, float | None] | None:
    """The difference to the first student and its bounds."""
    found = next((value for key, value in of.items() if key.startswith("less_")), None)
    if found is None:
        return None
    bounds = next(value for value in found.values() if isinstance(value, list))
    return found["mean"], *bounds


def _cell(of: Mapping[str, Any]) -> str:
    less = _less(of)
    said = f"{of['dice']['mean']:.3f}"
    return said if less is None else f"{said}; {less[0]:+.3f} ({less[1]:+.3f} to {less[2]:+.3f})"


def _cost(timings: Sequence[Mapping[str, Any]], name: str) -> str:
    (median_ms,) = (one["median_ms"] for one in timings if one["name"] == f"{name}, ONNX Runtime")
    return f"{median_ms:.0f}" if median_ms >= 10 else f"{median_ms:.1f}"
