"""A student and the validation side to `calibration.json`: its confidence, when to abstain, and the guard.

The student answers the prompts of `calibrate.kinds` on the validation images, as the validations draw them; its own IoU
estimates and the true IoU give the map (quality_map.py), one for prompts with a box and one for those without where
both have enough to tell, and the threshold (threshold.py). The guard is fitted on training images, its threshold on the
validation images (guard_fit.py). The test side is never touched. With few validation groups the file says so, and the
threshold's rule asks for more warnings by itself. Leaves out: how good all this is on test images
(components/evaluation/comparing/confidence.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import LayoutError
from components.evaluation.calibrating.guard_fit import Described, FittedGuard, fit_guard
from components.evaluation.calibrating.quality_map import cross_fitted, fit_quality_map
from components.evaluation.calibrating.threshold import ChosenThreshold, choose_threshold
from components.evaluation.comparing.confidence import reliability
from components.evaluation.comparing.statistics import group_weights
from components.evaluation.prompting.prompts import draw_prompts, truth_of
from components.evaluation.scoring.metrics import dice, iou
from components.intake.form.records import load_image, load_instances
from components.params import CalibrateParams, PromptKind, PromptParams
from components.promptable.calibration import Calibration, Form, HowChosen, QualityMap
from components.promptable.guard import embedding_features, image_features
from components.promptable.predict import embed, segment_embedded
from components.types import Record

Vector = NDArray[np.float64]
Chosen = NDArray[np.bool_]
Progress = Callable[[int, int], None]
BINS = 10
"""Bins of the calibration errors that `how` tells."""


@dataclass(frozen=True, slots=True)
class ValCases:
    """The validation side's cases: the model's estimates, true IoU and Dice, whether the prompt had a box (N each),
    groups, and its images."""

    quality: Vector
    iou: Vector
    dice: Vector
    boxed: Chosen
    groups: tuple[str, ...]
    described: tuple[Described, ...]

    def groups_of(self, own: Chosen) -> list[str]:
        """The groups of some of the cases."""
        return [group for group, kept in zip(self.groups, own, strict=True) if kept]


def calibrate(
    segmenter: Any,
    *,
    digest: str,
    train: Sequence[Record],
    val: Sequence[Record],
    prompts: PromptParams,
    params: CalibrateParams,
    progress: Progress | None = None,
) -> Calibration:
    """Calibrate a loaded student, whose weights have this digest; the records' groups are those of the split.

    `progress` is called with the numbers of images done and of all.

    Raises
    ------
    LayoutError
        If no validation image has an object that is large enough for a prompt.
    """
    fitted_on = spread_evenly(train, params.guard_images)
    counted = _Counted(len(fitted_on) + len(val), progress)
    cases = score_val(segmenter, val, prompts=prompts, kinds=params.kinds, done=counted.one)
    if len(cases.quality) == 0:
        raise LayoutError(
            f"calibrate: none of the {len(val)} val images has an object of {prompts.min_area_px} pixels or more",
            expected="at least one, to hold the model's confidence against",
            remedy="bring in more images, raise split.val_share, or lower prompts.min_area_px",
        )
    seen = list(_describe(segmenter, fitted_on, done=counted.one))
    guard = fit_guard(seen, cases.described, false_alarm_share=params.false_alarm_share)
    forms, maps = fit_maps(cases, min_block_cases=params.min_block_cases)
    confidence = np.select(forms, [fitted.apply(cases.quality) for fitted in maps])
    chosen = choose_threshold(
        confidence, cases.iou < params.failure_iou, cases.groups, max_share=params.max_failure_share
    )
    phantom = any(record.phantom for record in val)
    return Calibration(
        model_digest=digest,
        quality=maps[0],
        quality_without_box=maps[1] if len(maps) > 1 else None,
        threshold=chosen.threshold,
        how=_told(cases, forms, confidence, chosen, guard, params=params, seen=len(seen), phantom=phantom),
        guard=guard.guard,
    )


def score_val(
    segmenter: Any,
    records: Sequence[Record],
    *,
    prompts: PromptParams,
    kinds: Sequence[PromptKind],
    done: Callable[[], None] = lambda: None,
) -> ValCases:
    """Answer the prompts of `kinds` on images, and hold the masks against the truth."""
    rows: list[tuple[float, float, float, bool]] = []
    groups: list[str] = []
    described = []
    for record in records:
        image, instances = load_image(record), load_instances(record)
        drawn = draw_prompts(
            record,
            instances,
            kinds=kinds,
            jitter=prompts.evaluate.jitter,
            seed=prompts.evaluate.seed,
            min_area_px=prompts.min_area_px,
        )
        embedding = embed(segmenter, image)
        described.append(Described(image_features(image), embedding_features(embedding)))
        size_hw = (int(image.shape[0]), int(image.shape[1]))
        predictions = segment_embedded(segmenter, embedding, size_hw, [one.prompt for one in drawn])
        for one, prediction in zip(drawn, predictions, strict=True):
            truth = truth_of(one.kind, one.object_index, instances)
            boxed = one.prompt.box_xyxy is not None
            rows.append((prediction.quality, iou(truth, prediction.mask), dice(truth, prediction.mask), boxed))
            groups.append(f"{record.dataset}/{record.group}")
        done()
    quality, true_iou, true_dice, with_box = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return ValCases(quality, true_iou, true_dice, with_box > 0, tuple(groups), tuple(described))


def spread_evenly(records: Sequence[Record], most: int) -> list[Record]:
    """At most `most` of the records, picked by a hash of their names: of every dataset about its share, always the
    same."""
    return sorted(records, key=lambda one: hashlib.sha256(f"{one.dataset}/{one.image_id}".encode()).digest())[:most]


def _describe(segmenter: Any, records: Sequence[Record], *, done: Callable[[], None]) -> Iterator[Described]:
    for record in records:
        image = load_image(record)
        yield Described(image_features(image), embedding_features(embed(segmenter, image)))
        done()


def _told(
    cases: ValCases,
    forms: Sequence[Chosen],
    confidence: Vector,
    chosen: ChosenThreshold,
    guard: FittedGuard,
    *,
    params: CalibrateParams,
    seen: int,
    phantom: bool,
) -> HowChosen:
    """How map, threshold and guard came about, and what they do on the validation side."""
    weights = group_weights(cases.groups)
    kept = (confidence >= chosen.threshold) & chosen.reached
    mass = float(weights[kept].sum())
    groups = len(set(cases.groups))
    apart = _cross_fitted(cases, forms, min_block_cases=params.min_block_cases)
    return HowChosen(
        kinds=params.kinds,
        forms=calibrated_forms(cases),
        cases=len(cases.quality),
        groups=groups,
        sufficient=groups >= params.min_groups,
        failure_iou=params.failure_iou,
        max_failure_share=params.max_failure_share,
        reached=chosen.reached,
        failure_bound=chosen.bound,
        kept_share=min(1.0, mass),
        kept_dice=float(np.average(cases.dice[kept], weights=weights[kept])) if mass else None,
        kept_iou=float(np.average(cases.iou[kept], weights=weights[kept])) if mass else None,
        ece_before=_error(cases.quality, cases),
        ece_after=None if apart is None else _error(apart, cases),
        guard_images=seen,
        guard_val_images=len(cases.described),
        guard_false_alarm_share=params.false_alarm_share,
        guard_reached=guard.reached,
        phantom=phantom,
    )


def calibrated_forms(cases: ValCases) -> tuple[Form, ...]:
    """Which forms of prompt the cases tell of."""
    found: list[tuple[Form, Chosen]] = [("with_box", cases.boxed), ("without_box", ~cases.boxed)]
    return tuple(form for form, own in found if own.any())


def fit_maps(cases: ValCases, *, min_block_cases: int) -> tuple[list[Chosen], list[QualityMap]]:
    """Which cases (N each) share a map, and their maps: prompts with a box first, then those without.

    A form of prompt has a map of its own if its own cases tell better estimates from worse ones (two blocks or more).
    Where either form's don't, one map serves both: a level one would make all its outlines equally sure.
    """

    def fit(own: Chosen) -> QualityMap:
        return fit_quality_map(
            cases.quality[own], cases.iou[own], cases.groups_of(own), min_block_cases=min_block_cases
        )

    forms = [own for own in (cases.boxed, ~cases.boxed) if own.any()]
    maps = [fit(own) for own in forms]
    if len(maps) > 1 and min(len(one.points) for one in maps) > 1:
        return forms, maps
    whole = np.ones(len(cases.quality), dtype=np.bool_)
    return [whole], [fit(whole)]


def _cross_fitted(cases: ValCases, forms: Sequence[Chosen], *, min_block_cases: int) -> Vector | None:
    """Each case's estimate (N), mapped by a fit to other groups' cases of its form; None if a form has one group."""
    out = np.empty(len(cases.quality))
    for own in forms:
        part = cross_fitted(cases.quality[own], cases.iou[own], cases.groups_of(own), min_block_cases=min_block_cases)
        if part is None:
            return None
        out[own] = part
    return out


def _error(confidence: Vector, cases: ValCases) -> float:
    """The expected calibration error of confidences on the validation cases."""
    bins = reliability(confidence, cases.iou, cases.groups, bins=BINS)
    return float(sum(one.share * abs(one.quality - one.iou) for one in bins))


class _Counted:
    """Tells how many images are done."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def one(self) -> None:
        """Another image is done."""
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)
