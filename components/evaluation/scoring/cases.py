"""One image, its truth and some models to scored cases: a row for each object, prompt and model.

Every model sees the same image and the same prompts, but for clicks that correct its own answer (corrective.py); each
image is embedded once a model. The baselines stand beside them wherever the prompt has a box. A model that needs a box
has no row for a prompt without one. Rows are plain JSON values, so that they can be kept while a validation runs; they
say what was asked and answered, so that `rescore` needs no model. Leaves out: the loop over images (validate.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from components.artefacts import UNRECORDED, PretrainingExposure
from components.evaluation.baselines import BASELINES
from components.evaluation.prompting.corrective import Answer, Predictor, answer_prompts, can_answer
from components.evaluation.prompting.prompts import NOTHING, OF_IMAGE, DrawnPrompt, truth_of
from components.evaluation.scoring.metrics import Score, Tolerances, score_case
from components.masks import from_rle, to_rle
from components.promptable.calibration import Calibration
from components.promptable.guard import check_image
from components.types import Image, InstanceMask, Mask, Point, Prompt, Record

METRIC_COLUMNS = {
    "dice": "dice",
    "iou": "iou",
    "nsd": "nsd_px",
    "nsd_mm": "nsd_mm",
    "hd95": "hd95_px",
    "hd": "hd_px",
    "hd95_mm": "hd95_mm",
    "hd_mm": "hd_mm",
    "area_error": "area_error_share",
    "miss_rate": "miss",
}
"""A metric's name in metrics.json, and the column of the cases that it is the mean of."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contender:
    """A model under test: something the predictor takes, the digest of its weights, and its name.

    `phantom` says whether any image that it was trained on was a phantom, `exposure` which datasets it had seen.
    `predictor` is the model's own way to be used (None: the run's), `needs_box` says that it can't answer a prompt
    without a box. `calibration` is what it carries, if anything: its confidence, and its guard; `calibration_sha256` is
    that of the file that it was read from. `seed` is that of its distillation, where its folder says it.
    """

    segmenter: Any
    digest: str
    name: str
    phantom: bool
    exposure: PretrainingExposure = UNRECORDED
    predictor: Predictor | None = None
    needs_box: bool = False
    calibration: Calibration | None = None
    calibration_sha256: str | None = None
    seed: int | None = None


def score_image(
    record: Record,
    image: Image,
    instances: InstanceMask,
    drawn: Sequence[DrawnPrompt],
    *,
    models: Mapping[str, Contender],
    predictor: Predictor,
    tolerances: Tolerances,
) -> list[Row]:
    """Score all models and the baselines on an image's prompts; rows ordered by model, then as the prompts come."""
    rows: list[Row] = []
    for who, model in models.items():
        use = model.predictor or predictor
        asked = [one for one in drawn if can_answer(use, one.prompt, needs_box=model.needs_box)]
        if not asked:
            continue
        embedding = use.embed(model.segmenter, image)
        found = answer_prompts(use, model.segmenter, embedding, instances, asked, takes_clicks=not model.needs_box)
        score = None if model.calibration is None else check_image(model.calibration.guard, image, embedding).score
        rows += [
            _row(record, instances, one.drawn, one.prediction.mask, who=who, digest=model.digest, tolerances=tolerances)
            | {"quality": one.prediction.quality, "fallback": None, "guard_score": score}
            | _confidence(model.calibration, one, score)
            for one in found
        ]
    for who, baseline in BASELINES.items():
        for prompt in drawn:
            if prompt.prompt.box_xyxy is not None:
                answer = baseline(image, prompt.prompt.box_xyxy)
                fallback = None if answer.fell_back is None else float(answer.fell_back)
                row = _row(record, instances, prompt, answer.mask, who=who, digest="", tolerances=tolerances)
                rows.append(
                    row | {"quality": None, "fallback": fallback, "guard_score": None} | _confidence(None, None, None)
                )
    return rows


def _confidence(calibration: Calibration | None, answer: Answer | None, guard_score: float | None) -> Row:
    """What a calibration says of an answer on an image of this guard's score; nothing without one."""
    if calibration is None or answer is None or guard_score is None:
        return {"confidence": None, "abstain": None}
    boxed = answer.drawn.prompt.box_xyxy is not None
    confidence = float(calibration.confidence(answer.prediction.quality, boxed=boxed))
    flagged = not guard_score <= calibration.guard.threshold
    known = None if math.isnan(confidence) else confidence
    return {"confidence": known, "abstain": float(calibration.held_back(confidence, flagged=flagged))}


def _row(
    record: Record,
    instances: InstanceMask,
    drawn: DrawnPrompt,
    mask: Mask,
    *,
    who: str,
    digest: str,
    tolerances: Tolerances,
) -> Row:
    truth = truth_of(drawn.kind, drawn.object_index, instances)
    return {
        **_identity(record, drawn),
        "prompt": drawn.kind,
        "prompt_json": prompt_to_json(drawn.prompt),
        "model": who,
        "model_digest": digest,
        **score_case(truth, mask, tolerances=tolerances, spacing_mm=record.spacing_mm),
        "area_px": int(truth.sum()),
        "predicted_area_px": int(mask.sum()),
        "mask_counts": to_rle(mask)["counts"],
    }


def _identity(record: Record, drawn: DrawnPrompt) -> Row:
    of_image = drawn.kind in OF_IMAGE
    name = "all" if of_image else f"{drawn.object_index}{'/nothing' if drawn.kind == NOTHING else ''}"
    labels = sorted({thing.label for thing in record.objects if of_image or thing.index == drawn.object_index})
    return {
        "case_id": f"{record.dataset}/{record.image_id}/{name}",
        "dataset": record.dataset,
        "image_id": record.image_id,
        "group": record.group,
        "object_index": drawn.object_index,
        "label": labels[0] if len(labels) == 1 else "",
        "subject_class": record.subject_class,
        "scanner": record.scanner,
        "site": record.site,
        "phantom": record.phantom,
        "flags": ";".join(record.flags),
        "height_px": record.height_px,
        "width_px": record.width_px,
        "spacing_row_mm": None if record.spacing_mm is None else record.spacing_mm[0],
        "spacing_column_mm": None if record.spacing_mm is None else record.spacing_mm[1],
    }


def mask_of_row(row: Mapping[Any, Any]) -> Mask:
    """The predicted mask (H W) that a row of the cases carries."""
    return from_rle({"size": [int(row["height_px"]), int(row["width_px"])], "counts": row["mask_counts"]})


def rescore(row: Mapping[Any, Any], instances: InstanceMask, *, tolerances: Tolerances) -> Score:
    """The metrics of a row of the cases once more, from the mask that it carries and the image's instance mask."""
    truth = truth_of(row["prompt"], int(row["object_index"]), instances)
    known = not pd.isna(row["spacing_row_mm"])
    spacing_mm = (float(row["spacing_row_mm"]), float(row["spacing_column_mm"])) if known else None
    return score_case(truth, mask_of_row(row), tolerances=tolerances, spacing_mm=spacing_mm)


def prompt_to_json(prompt: Prompt) -> str:
    """A prompt as JSON: `box` (x0 y0 x1 y1) where there is one, `points`, in the order in which they were given, and
    `mask` (COCO run lengths) where there is one."""
    box: dict[str, Any] = {} if prompt.box_xyxy is None else {"box": list(prompt.box_xyxy)}
    mask: dict[str, Any] = {} if prompt.mask is None else {"mask": to_rle(prompt.mask)}
    return json.dumps(box | {"points": [asdict(point) for point in prompt.points]} | mask)


def prompt_from_json(text: str) -> Prompt:
    """The prompt that `prompt_to_json` wrote."""
    value = json.loads(text)
    box = value.get("box")
    return Prompt(
        box_xyxy=None if box is None else (box[0], box[1], box[2], box[3]),
        points=tuple(Point(**point) for point in value["points"]),
        mask=from_rle(value["mask"]) if "mask" in value else None,
    )
