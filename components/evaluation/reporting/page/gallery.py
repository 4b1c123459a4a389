"""The cases on which the student does worst, to small pictures with both outlines, and the numbers that say why.

Leaves out: the best and median cases (figures.py), how a picture is drawn (overlay.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from components.evaluation.baselines import IN_TABLES_ONLY
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.prompting.prompts import truth_of
from components.evaluation.reporting.page.overlay import around, draw
from components.evaluation.reporting.page.results import Results, Tested, main_prompt
from components.evaluation.reporting.words import marked_dataset
from components.evaluation.scoring.cases import mask_of_row, prompt_from_json
from components.intake.form.records import load_image, load_instances

MUCH = 1.3
"""From this ratio of areas on, an outline is called too large or too small."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One case: its name, the picture, why it is bad in a sentence, and the numbers (name and text), others' Dice."""

    name: str
    picture: Markup
    why: str
    numbers: tuple[tuple[str, str], ...]
    others: str


@dataclass(frozen=True, slots=True)
class Failures:
    """The worst cases of one dataset, worst first, of how many."""

    dataset: str
    total: int
    worst: tuple[Failure, ...]


def failures(results: Results, asked: str, *, count: int) -> list[Failures]:
    """The `count` worst cases of each dataset, by the student's Dice (equal ones by the distance of the outlines), each
    of another group, so that frames of one video don't fill the page."""
    found = []
    for one in results.tested:
        of_prompt = one.cases[one.cases["prompt"] == main_prompt(one, asked)]
        ours = of_prompt[of_prompt["model"] == SUBJECT].dropna(subset=["dice"])
        order = ours.sort_values(["dice", "hd95_px", "case_id"], ascending=[True, False, True])
        apart = order.drop_duplicates("group").head(count)
        worst = [_failure(one, row, of_prompt) for row in apart.to_dict("records")]
        if worst:
            found.append(Failures(marked_dataset(one.metrics, one.name), len(ours), tuple(worst)))
    return found


def _failure(one: Tested, row: Mapping[Any, Any], of_prompt: pd.DataFrame) -> Failure:
    record = one.records[row["image_id"]]
    truth = truth_of(row["prompt"], int(row["object_index"]), load_instances(record))
    predicted = mask_of_row(row)
    why = reason(row)
    shown = [who for who in one.found["prompts"][row["prompt"]] if who not in (SUBJECT, *IN_TABLES_ONLY)]
    others = of_prompt[(of_prompt["case_id"] == row["case_id"]) & of_prompt["model"].isin(shown)]
    dices = ", ".join(f"{other['model']} {other['dice']:.2f}" for other in others.to_dict("records"))
    numbers = [
        ("Dice", f"{row['dice']:.3f}"),
        ("HD95", f"{row['hd95_px']:.1f} px{' (the diagonal)' if row['miss'] else ''}"),
        ("true area", f"{int(row['area_px'])} px"),
        ("predicted area", f"{int(row['predicted_area_px'])} px"),
        ("contrast", "–" if pd.isna(row["contrast"]) else f"{row['contrast']:.2f}"),
        ("IoU by its own estimate", "–" if pd.isna(row["quality"]) else f"{row['quality']:.2f}"),
    ]
    alt = f"{row['case_id']}: Dice {row['dice']:.3f}. {why}"
    frame = around(load_image(record), [truth, predicted])
    picture = draw(frame, truth, predicted, prompt_from_json(row["prompt_json"]), alt=alt)
    return Failure(row["case_id"], picture, why, tuple(numbers), dices)


def reason(row: Mapping[Any, Any]) -> str:
    """What went wrong with a case, by its numbers alone."""
    true, predicted = int(row["area_px"]), int(row["predicted_area_px"])
    if row["miss"]:
        return "Nothing was found." if not predicted else "What was outlined isn't the object: no pixel is shared."
    if predicted * MUCH < true:
        return f"Too small: {100 * predicted / true:.0f} % of the object's area."
    if predicted > true * MUCH:
        return f"Too large: {predicted / true:.1f} times the object's area."
    return f"Another outline, with {100 * predicted / true:.0f} % of the object's area."
