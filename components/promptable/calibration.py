"""A model's own estimate of an IoU to a confidence that was held against truth, and whether to abstain.

`calibration.json` belongs to one model, by the digest of its weights: a monotone map from the model's estimate to the
IoU that such estimates had on the validation side, the confidence below which an outline comes with a warning, how both
were chosen, and the guard against images that the model doesn't know (guard.py). A model folder without the file isn't
calibrated, and whoever uses it must say so. Leaves out: how all this is fitted (components/evaluation/calibrating).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from components.artefacts import write_json
from components.errors import ArtefactError, first_fault
from components.promptable.guard import Guard, GuardFinding

CALIBRATION = "calibration.json"
CALIBRATION_FOLDER = "calibration"
UNCALIBRATED = "not calibrated: nobody knows how far this outline can be trusted, nor watches for other images"
"""What stands as the reason with every outline of a model without a calibration."""
Form = Literal["with_box", "without_box"]
FORM_WORDS: Mapping[Form, str] = {"with_box": "prompts with a box", "without_box": "prompts without a box"}
Share = Annotated[float, Field(ge=0, le=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class QualityMap(_Frozen):
    """A monotone map of the model's own IoU estimate to a calibrated one: straight between `points`, level beyond them.

    `points` are pairs of estimate and IoU, both ascending.
    """

    points: tuple[tuple[Share, Share], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        estimates, ious = zip(*self.points, strict=True)
        if any(low >= high for low, high in pairwise(estimates)) or list(ious) != sorted(ious):
            raise ValueError("`points` must ascend: the estimates strictly, the IoU never falling")
        return self

    def apply(self, quality: ArrayLike) -> NDArray[np.float64]:
        """Calibrated IoU of estimates (any shape); NaN stays NaN."""
        estimates, ious = zip(*self.points, strict=True)
        return np.asarray(np.interp(np.asarray(quality, dtype=np.float64), estimates, ious))


class HowChosen(_Frozen):
    """On what, and by which rule, map, threshold and guard were chosen; all figures are of the validation side.

    `kinds` are the prompts that were asked, `forms` says whether any of them had a box, and any had none: of a form
    that was never asked nothing is known. A failure is an IoU below `failure_iou`. `reached` says whether some
    threshold keeps failures that pass without a warning to `max_failure_share` of all cases, `failure_bound` the share
    that the rule gives the chosen one (of no threshold at all where none reaches it), `kept_share`, `kept_dice` and
    `kept_iou` what passes. `ece_before` and `ece_after` are the expected calibration errors of the estimate and of the
    calibrated one, the latter with each group's cases mapped by a fit without them (None with fewer than two groups).
    `sufficient` is false with fewer groups than `calibrate.min_groups` asks for. The guard was fitted on `guard_images`
    training images; its threshold is the lowest that flags at most `guard_false_alarm_share` of images like the
    `guard_val_images`, or (`guard_reached` false) the highest score among them, if they are too few to tell such a
    share.
    """

    kinds: tuple[str, ...]
    forms: tuple[Form, ...] = Field(min_length=1)
    cases: int
    groups: int
    sufficient: bool
    failure_iou: Share
    max_failure_share: Share
    reached: bool
    failure_bound: Share
    kept_share: Share
    kept_dice: Share | None
    kept_iou: Share | None
    ece_before: Share
    ece_after: Share | None
    guard_images: int
    guard_val_images: int
    guard_false_alarm_share: Share
    guard_reached: bool
    phantom: bool

    @property
    def told(self) -> str:
        """The choice in sentences."""
        aim = (
            f"at most {self.max_failure_share:.0%} of all outlines pass without a warning and yet have an IoU below "
            f"{self.failure_iou:g}"
        )
        on = f"{self.cases} validation cases in {self.groups} groups ({', '.join(self.kinds)})"
        found = (
            f"The lowest threshold at which, by {on}, {aim}; {self.kept_share:.0%} of them passed."
            if self.reached
            else f"By {on}, no threshold is known to keep to the aim that {aim}: every outline carries a warning."
        )
        lacking = " and ".join(words for form, words in FORM_WORDS.items() if form not in self.forms)
        other = f" As {lacking} weren't calibrated, their outlines always carry a warning." if lacking else ""
        few = "" if self.sufficient else " These are too few groups to hold either as known."
        drawn = " They are phantoms, so that it says nothing about patients." if self.phantom else ""
        return found + other + few + drawn


@dataclass(frozen=True, slots=True)
class Judged:
    """What a calibrated model says of one outline: its confidence (0 to 1), whether to abstain, and why."""

    confidence: float
    abstain: bool
    reasons: tuple[str, ...]


class Calibration(_Frozen):
    """The content of `calibration.json`, bound to a model by the digest of its weights.

    `quality` maps estimates, `quality_without_box` those of prompts without a box where these were calibrated by
    themselves: a model that is as sure of a click's outline as of a box's is right less often.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    model_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    quality: QualityMap
    quality_without_box: QualityMap | None = None
    threshold: Share
    how: HowChosen
    guard: Guard

    @model_validator(mode="after")
    def _of_known_forms(self) -> Self:
        if self.quality_without_box is not None and set(self.how.forms) != set(FORM_WORDS):
            raise ValueError("`quality_without_box` stands beside `quality` only where `how.forms` names both forms")
        return self

    def confidence(self, quality: ArrayLike, *, boxed: bool) -> NDArray[np.float64]:
        """Calibrated IoU of estimates (any shape) for prompts with a box (`boxed`), or without; NaN where nothing is
        known: of an estimate that is no finite number, and of prompts that weren't calibrated."""
        estimates = np.asarray(quality, dtype=np.float64)
        if _form(boxed) not in self.how.forms:
            return np.full(estimates.shape, math.nan)
        known = self.quality if boxed or self.quality_without_box is None else self.quality_without_box
        return np.where(np.isfinite(estimates), known.apply(estimates), math.nan)

    def held_back(self, confidence: ArrayLike, *, flagged: ArrayLike = False) -> NDArray[np.bool_]:
        """Whether outlines of these confidences (any shape) come with a warning; `flagged`: the guard's finding.

        All do where no threshold reached the declared aim, and so does one whose confidence isn't known (NaN).
        """
        low = ~(np.asarray(confidence, dtype=np.float64) >= self.threshold)
        return np.asarray(low | np.asarray(flagged, dtype=bool) | (not self.how.reached))

    def judge(self, quality: float, *, boxed: bool, empty: bool, finding: GuardFinding | None) -> Judged:
        """Judge one outline by the model's own estimate; an empty one (`empty`) is never to be relied on.

        `boxed` says whether the prompt had a box. A confidence that isn't known is told as 0.
        """
        confidence = float(self.confidence(quality, boxed=boxed))
        reasons = []
        if empty:
            reasons.append("the mask is empty")
        if _form(boxed) not in self.how.forms:
            confidence = 0.0
            reasons.append(f"confidence was never calibrated for {FORM_WORDS[_form(boxed)]}")
        elif math.isnan(confidence):
            confidence = 0.0
            reasons.append("the model states no estimate of how good this outline is")
        elif not self.how.reached:
            reasons.append(
                "no threshold reached its aim when this model was calibrated, so that every outline must be checked"
            )
        elif confidence < self.threshold:
            reasons.append(f"confidence {confidence:.2f} is below the threshold {self.threshold:.2f}")
        if finding is not None and finding.flagged:
            reasons.append("the image doesn't look like the ultrasound that the model knows")
        return Judged(confidence, bool(reasons), tuple(reasons))


def _form(boxed: bool) -> Form:
    return "with_box" if boxed else "without_box"


def write_calibration(folder: Path, calibration: Calibration) -> Path:
    """Write `calibration.json` into a folder, in one piece; returns its path."""
    path = folder / CALIBRATION
    write_json(path, calibration.model_dump(mode="json", by_alias=True))
    return path


def read_calibration(folder: Path, *, model_digest: str) -> Calibration | None:
    """Read a folder's calibration, which must be that of the model with this digest; None where it carries none.

    Raises
    ------
    ArtefactError
        If the file isn't a calibration, or is another model's.
    """
    path = folder / CALIBRATION
    if not _stands(path):
        return None
    calibration = _parse(path)
    if calibration.model_digest != model_digest:
        raise ArtefactError(
            f"{path} is the calibration of the weights {calibration.model_digest[:12]}",
            expected=f"that of {model_digest[:12]}, beside which it stands",
            remedy="calibrate this model (`dvc repro calibrate`), or take the file away: it is uncalibrated then",
        )
    return calibration


def find_calibration(model: Path, *, model_digest: str) -> Calibration | None:
    """The calibration that a model folder carries, else the one that the graph keeps beside it for these very weights.

    The graph's stages write `models/student` and `models/calibration`; everywhere else a model folder carries its own.
    None where there is neither, or where the one beside it is another model's.

    Raises
    ------
    ArtefactError
        If the file that the folder carries is another model's, or either isn't a calibration.
    """
    if _stands(model / CALIBRATION):
        return read_calibration(model, model_digest=model_digest)
    beside = model.parent / CALIBRATION_FOLDER / CALIBRATION
    if not _stands(beside):
        return None
    calibration = _parse(beside)
    return calibration if calibration.model_digest == model_digest else None


def _stands(path: Path) -> bool:
    """Whether anything has this name: a folder, or a link to nothing, is a broken calibration rather than none."""
    return path.exists() or path.is_symlink()


def _parse(path: Path) -> Calibration:
    try:
        return Calibration.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ArtefactError(
            f"{path} can't be read: {error.strerror}",
            expected="a calibration of schema 1, or nothing of this name for a model without one",
            remedy="calibrate the model again (`dvc repro calibrate`), or take away what has this name",
        ) from None
    except ValidationError as error:
        raise ArtefactError(
            f"{path}: {first_fault(error)}",
            expected="a calibration of schema 1",
            remedy="calibrate the model again (`dvc repro calibrate`), or restore the file",
        ) from None
