"""One object of each dataset, pointed at in every way that was asked for: what each way changes, side by side.

The object is the one in the middle by the student's Dice, so that it is neither a show-piece nor a failure. Its image
stands in the page once, and every picture shows it. Leaves out: the worst cases (gallery.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from components.evaluation.comparing.names import SUBJECT
from components.evaluation.prompting.prompts import truth_of
from components.evaluation.reporting.page.overlay import Frame, draw, whole_image
from components.evaluation.reporting.page.results import Results, Tested, main_prompt
from components.evaluation.reporting.words import marked_dataset, prompt_words
from components.evaluation.scoring.cases import mask_of_row, prompt_from_json
from components.intake.form.records import load_image, load_instances
from components.types import InstanceMask


@dataclass(frozen=True, slots=True)
class Way:
    """One picture: the kind of prompt, and what came of it."""

    kind: str
    outcome: str
    picture: Markup


@dataclass(frozen=True, slots=True)
class Ways:
    """One object: its dataset and name, its image for the pictures to show, and a picture for each kind of prompt."""

    dataset: str
    name: str
    image: Markup
    each: tuple[Way, ...]


def ways(results: Results, asked: str) -> list[Ways]:
    """A middling object of each dataset in every way; none where fewer than two kinds of prompt were asked for."""
    found = (_of_dataset(one, asked, number) for number, one in enumerate(results.tested))
    return [one for one in found if one is not None]


def _of_dataset(one: Tested, asked: str, number: int) -> Ways | None:
    ours = one.cases[one.cases["model"] == SUBJECT]
    ranked = ours[ours["prompt"] == main_prompt(one, asked)].dropna(subset=["dice"])
    if ranked.empty or ours["prompt"].nunique() < 2:
        return None
    middle = ranked.sort_values(["dice", "case_id"]).iloc[len(ranked) // 2]
    same = ours[
        (ours["image_id"] == middle["image_id"]) & ours["object_index"].isin([middle["object_index"], 0])
    ].set_index("prompt")
    kinds = [kind for kind in (*one.found["prompts"], "box_nothing") if kind in same.index]
    record = one.records[str(middle["image_id"])]
    # The whole image, as some prompts are about all of it.
    once, frame = whole_image(load_image(record), name=f"image{number}")
    instances = load_instances(record)
    each = tuple(_way(kind, same.loc[kind].to_dict(), instances, frame) for kind in kinds)
    return Ways(marked_dataset(one.metrics, one.name), str(middle["case_id"]), once, each)


def _way(kind: str, row: Mapping[Any, Any], instances: InstanceMask, frame: Frame) -> Way:
    truth = truth_of(kind, int(row["object_index"]), instances)  # type: ignore[arg-type]
    if not truth.any():
        outcome = "a region was found, where there is none" if row["predicted_area_px"] else "rightly left empty"
    else:
        outcome = "nothing was found" if pd.isna(row["dice"]) else f"Dice {row['dice']:.3f}"
    alt = f"{prompt_words(kind)}: {outcome}"
    picture = draw(frame, truth, mask_of_row(row), prompt_from_json(row["prompt_json"]), alt=alt)
    return Way(prompt_words(kind), outcome, picture)
