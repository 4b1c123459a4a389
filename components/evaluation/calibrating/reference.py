"""A calibrated student and the validation side to `reference.json`: the signals that traffic is held against.

Every image is described as the service describes those that it is sent, every outline as those that it answers
(components/promptable/signals.py), on the first prompts that calibration asks too. Leaves out: comparing
(components/monitoring).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from components.evaluation.calibrating.calibrate import spread_evenly
from components.evaluation.prompting.prompts import draw_prompts, truth_of
from components.intake.form.records import load_image, load_instances
from components.masks import overlap
from components.params import CalibrateParams, PromptParams
from components.promptable.calibration import Calibration
from components.promptable.guard import check_image
from components.promptable.predict import embed, segment_embedded
from components.promptable.reference import Reference, to_table
from components.promptable.signals import Row, edit_distance, image_row, outline_row
from components.types import Image, InstanceMask, Record


def build_reference(
    segmenter: Any,
    calibration: Calibration,
    val: Sequence[Record],
    *,
    prompts: PromptParams,
    params: CalibrateParams,
    progress: Callable[[int, int], None] | None = None,
) -> Reference:
    """Describe at most `params.reference_images` of the validation images, and the student's outlines on them.

    `progress` is called with the numbers of images done and of all.
    """
    chosen = spread_evenly(val, params.reference_images)
    numbers: dict[str, int] = {}
    images: list[Row] = []
    outlines: list[Row] = []
    image_groups: list[int] = []
    outline_groups: list[int] = []
    for done, record in enumerate(chosen, 1):
        image, instances = load_image(record), load_instances(record)
        row, drawn = describe(
            segmenter, calibration, record=record, image=image, instances=instances, prompts=prompts, params=params
        )
        group = numbers.setdefault(f"{record.dataset}/{record.group}", len(numbers))
        images.append(row)
        image_groups.append(group)
        outlines += drawn
        outline_groups += [group] * len(drawn)
        if progress is not None:
            progress(done, len(chosen))
    return Reference(
        model_digest=calibration.model_digest,
        phantom=any(record.phantom for record in chosen),
        kinds=params.kinds,
        images=to_table(images, image_groups),
        outlines=to_table(outlines, outline_groups),
    )


def describe(
    segmenter: Any,
    calibration: Calibration,
    *,
    record: Record,
    image: Image,
    instances: InstanceMask,
    prompts: PromptParams,
    params: CalibrateParams,
) -> tuple[Row, list[Row]]:
    """The rows of a record's image (H W 3) and of the outlines on it; the prompts are drawn from `instances` (H W)."""
    embedding = embed(segmenter, image)
    finding = check_image(calibration.guard, image, embedding)
    drawn = draw_prompts(
        record,
        instances,
        kinds=params.kinds,
        jitter=prompts.evaluate.jitter,
        seed=prompts.evaluate.seed,
        min_area_px=prompts.min_area_px,
    )
    size_hw = (int(image.shape[0]), int(image.shape[1]))
    rows: list[Row] = []
    found = segment_embedded(segmenter, embedding, size_hw, [one.prompt for one in drawn])
    for one, prediction in zip(drawn, found, strict=True):
        judged = calibration.judge(
            prediction.quality,
            boxed=one.prompt.box_xyxy is not None,
            empty=not prediction.mask.any(),
            finding=finding,
        )
        row = outline_row(prediction.mask, one.prompt, quality=prediction.quality, judged=judged)
        truth = truth_of(one.kind, one.object_index, instances)
        rows.append({**row, "edit": edit_distance(overlap(prediction.mask, truth))})
    return image_row(image, embedding, finding, model_digest=calibration.model_digest), rows
