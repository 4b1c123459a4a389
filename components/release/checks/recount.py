"""A validation's table and the images it speaks of to what in it isn't so: rows that lack, or scores of other masks.

The prompts are drawn again, and the rows of each judged contender must be exactly those of the test's objects and
prompts, in their groups. The metrics of its masks are computed again: all of the student's, the others' at the kind of
prompt at which it is compared with them. Needs no model. Leaves out: whether the masks are a model's own
(components/evaluation/parity.py).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.comparing.seeds import is_sister
from components.evaluation.prompting.prompts import CORRECTIVE, draw_prompts
from components.evaluation.scoring.cases import prompt_to_json, rescore
from components.evaluation.scoring.metrics import Tolerances
from components.intake.form.records import load_instances
from components.params import EvaluateParams, PromptKind, PromptParams
from components.types import InstanceMask, Record

TEACHER, CHAMPION = "teacher", "champion"
RESCORED = ("dice", "iou", "nsd_px", "miss", "false_region")
WHAT = ["dataset", "image_id", "object_index", "prompt", "group", "prompt_json"]
ROUNDING = 1e-9
BOXED = '"box", and clicks that follow from the answers'
"""In place of a corrective prompt, which differs from model to model."""

RowKey = tuple[str, str, int, str, str, str]


@dataclass(frozen=True, slots=True)
class Recount:
    """What was found in a table: the number of rows scored again, the names of those whose scores are others, and for
    each judged contender whose rows aren't those of the test the names of some of them that lack or are too many."""

    rows: int
    differing: tuple[str, ...]
    gaps: Mapping[str, tuple[str, ...]]


def recount(
    cases: pd.DataFrame,
    records: Sequence[Record],
    *,
    prompts: PromptParams,
    evaluate: EvaluateParams,
    skill_prompt: PromptKind,
) -> Recount:
    """Hold the cases of a validation against its images (`records`), which are read."""
    truths = {(record.dataset, record.image_id): load_instances(record) for record in records}
    asked = _asked(records, truths, prompts)
    differing, gaps, count = [], {}, 0
    for who in _judged(cases):
        rows = cases[cases["model"] == who]
        if found := _gaps(rows, {key for key in asked if who != ELLIPSE or '"box"' in key[-1]}):
            gaps[who] = found
        scored = rows if who == SUBJECT else rows[rows["prompt"] == skill_prompt]
        wrong = _wrong(scored, truths, Tolerances(px=evaluate.nsd_tolerance_px, mm=evaluate.nsd_tolerance_mm))
        differing += [f"{who} on {name}" for name in wrong]
        count += len(scored)
    return Recount(count, tuple(differing), gaps)


def _judged(cases: pd.DataFrame) -> list[str]:
    """Whose rows a verdict rests on; the student's even where there are none."""
    there = [str(who) for who in dict.fromkeys(cases["model"])]
    return [SUBJECT, *(who for who in there if who in (TEACHER, CHAMPION, ELLIPSE) or is_sister(who))]


def _asked(
    records: Sequence[Record], truths: Mapping[tuple[str, str], InstanceMask], prompts: PromptParams
) -> set[RowKey]:
    """What every contender was to be asked."""
    asked = prompts.evaluate
    return {
        (
            record.dataset,
            record.image_id,
            one.object_index,
            one.kind,
            record.group,
            prompt_to_json(one.prompt) if one.kind not in CORRECTIVE else BOXED,
        )
        for record in records
        for one in draw_prompts(
            record,
            truths[record.dataset, record.image_id],
            kinds=asked.kinds,
            jitter=asked.jitter,
            seed=asked.seed,
            min_area_px=prompts.min_area_px,
        )
    }


def _gaps(rows: pd.DataFrame, asked: set[RowKey]) -> tuple[str, ...]:
    """Which rows lack, are too many, or ask something else; none if they are what was to be asked."""
    told = rows["prompt_json"].mask(rows["prompt"].isin(list(CORRECTIVE)), BOXED)
    there = Counter(rows.assign(prompt_json=told)[WHAT].itertuples(index=False, name=None))
    odd = {key for key in asked | there.keys() if there[key] != int(key in asked)}
    return tuple(sorted({_named(*key[:4]) for key in odd}))


def _wrong(rows: pd.DataFrame, truths: Mapping[tuple[str, str], InstanceMask], tolerances: Tolerances) -> list[str]:
    """The rows whose scores aren't those of their masks; rows of images that aren't there are gaps already."""
    wrong = []
    for row in rows.to_dict("records"):
        truth = truths.get((row["dataset"], row["image_id"]))
        if truth is not None and not _same(row, truth, tolerances):
            wrong.append(_named(row["dataset"], row["image_id"], row["object_index"], row["prompt"]))
    return wrong


def _same(row: Mapping[Any, Any], truth: InstanceMask, tolerances: Tolerances) -> bool:
    if truth.shape != (row["height_px"], row["width_px"]):
        return False
    try:
        found = rescore(row, truth, tolerances=tolerances)
    except ValueError:  # run lengths that are no mask of this size
        return False
    return all(
        math.isclose(found[name], row[name], abs_tol=ROUNDING) or (math.isnan(found[name]) and math.isnan(row[name]))
        for name in RESCORED
    )


def _named(dataset: str, image_id: str, object_index: int, kind: str) -> str:
    return f"{dataset}/{image_id}/{object_index} ({kind})"
