"""The cases on which the student does worst, to small pictures with both outlines, and the numbers that say why.

The picture is the image round the object, as it was scored; outlines run along pixel corners, in the image's own
pixels. Leaves out: the best and median cases (figures.py).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from PIL import Image as PilImage

from components.evaluation.baselines import IN_TABLES_ONLY
from components.evaluation.comparing.summary import SUBJECT
from components.evaluation.prompting.prompts import truth_of
from components.evaluation.reporting.page.results import Results, Tested, main_prompt
from components.evaluation.reporting.words import marked_dataset
from components.evaluation.scoring.cases import mask_of_row, prompt_from_json
from components.intake.form.records import load_image, load_instances
from components.masks import to_polygons
from components.types import Image, Mask

LONGEST_PX = 280
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
    """The `count` worst cases of each dataset, by the student's Dice; equal ones by the distance of the outlines."""
    found = []
    for one in results.tested:
        of_prompt = one.cases[one.cases["prompt"] == main_prompt(one, asked)]
        ours = of_prompt[of_prompt["model"] == SUBJECT].dropna(subset=["dice"])
        order = ours.sort_values(["dice", "hd95_px", "case_id"], ascending=[True, False, True])
        worst = [_failure(one, row, of_prompt) for row in order.head(count).to_dict("records")]
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
    box = prompt_from_json(row["prompt_json"])
    image = load_image(record)
    return Failure(row["case_id"], _picture(image, truth, predicted, box, alt=alt), why, tuple(numbers), dices)


def reason(row: Mapping[Any, Any]) -> str:
    """What went wrong with a case, by its numbers alone."""
    true, predicted = int(row["area_px"]), int(row["predicted_area_px"])
    if row["miss"]:
        return "Nothing was found." if not predicted else "What was outlined isn't the object: no pixel is shared."
    if predicted * MUCH < true:
        return f"Too small: {100 * predicted / true:.0f} % of the object's area."
    if predicted > true * MUCH:
        return f"Too large: {predicted / true:.1f} times the object's area."
    return "About the right area, but another outline."


def _picture(image: Image, truth: Mask, predicted: Mask, prompt: Any, *, alt: str) -> Markup:
    top, left, side = _window([truth, predicted], image.shape[:2])
    bottom, right = min(top + side, image.shape[0]), min(left + side, image.shape[1])
    crop = np.ascontiguousarray(image[max(top, 0) : bottom, max(left, 0) : right])
    spot = (max(left, 0), max(top, 0), crop.shape[1], crop.shape[0])
    parts = [
        Markup('<svg class="case" viewBox="{} {} {} {}" role="img" aria-label="{}">').format(
            left, top, side, side, alt
        ),
        Markup('<image x="{}" y="{}" width="{}" height="{}" href="{}"/>').format(*spot, _data_uri(crop)),
        *_outlines(truth, "truth"),
        *_outlines(predicted, "predicted"),
    ]
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        box = Markup('<rect class="prompt" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
        parts.append(box.format(x0, y0, x1 - x0, y1 - y0))
    for point in prompt.points:
        kind = "prompt point" if point.positive else "prompt point not"
        parts.append(
            Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(kind, point.x, point.y, side / 60)
        )
    return Markup("").join(parts) + Markup("</svg>")


def _outlines(mask: Mask, kind: str) -> list[Markup]:
    rings = "".join(
        "M" + "L".join(f"{x:g} {y:g}" for x, y in zip(r[0::2], r[1::2], strict=True)) + "Z" for r in to_polygons(mask)
    )
    if not rings:
        return []
    # The first, wide and dark, lets the second be seen on bright tissue too.
    return [Markup('<path class="{}" d="{}"/>').format(name, rings) for name in ("halo", f"outline {kind}")]


def _window(masks: Sequence[Mask], size_hw: tuple[int, int]) -> tuple[int, int, int]:
    """Top, left and side in px of a square round all masks, half wider, moved into the image where it fits."""
    either = np.logical_or.reduce(list(masks))
    rows, columns = np.flatnonzero(either.any(axis=1)), np.flatnonzero(either.any(axis=0))
    side = int(1.6 * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1, 20))
    side = min(side, max(size_hw))
    ends = []
    for middle, size in ((rows[0] + rows[-1] + 1, size_hw[0]), (columns[0] + columns[-1] + 1, size_hw[1])):
        begin = middle // 2 - side // 2
        ends.append((size - side) // 2 if side >= size else int(np.clip(begin, 0, size - side)))
    return ends[0], ends[1], side


def _data_uri(crop: Image) -> str:
    """A crop as a PNG in an address of its own, grey where all channels are equal, made smaller where it is large."""
    grey = bool((crop == crop[..., :1]).all())
    picture = PilImage.fromarray(crop[..., 0] if grey else crop)
    if max(picture.size) > LONGEST_PX:
        picture.thumbnail((LONGEST_PX, LONGEST_PX), PilImage.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
