"""The model card, as `GET /v1/model` answers it."""

from __future__ import annotations

from typing import Any

from serving.schema.answers import ModelOut
from serving.schema.prompts import MAX_OBJECTS, MAX_POINTS
from serving.schema.strict import Message


class LimitsOut(Message):
    """What the service accepts at most."""

    body_bytes: int
    prompts_bytes: int
    image_px: int
    mask_px: int
    objects: int = MAX_OBJECTS
    points: int = MAX_POINTS


class CalibrationOut(Message):
    """How the model's confidence was made, in words (`told`) and numbers (`how`); null and "not calibrated" without."""

    calibrated: bool
    told: str
    threshold: float | None = None
    guard_threshold: float | None = None
    how: dict[str, Any] | None = None


class RuntimeOut(Message):
    """What runs the model's networks: its name as `serving.runtime` has it, version, how it computes (`told`), and why
    it and no other."""

    name: str
    version: str
    told: str
    why: str


class CardOut(Message):
    """The answer to `GET /v1/model`: the model card, as far as the released folder tells.

    `self_check_cases` are the golden cases that the model gave again when it was loaded, `self_check_equal` those of
    them in which every pixel was the same; null where it carries none.
    """

    model: ModelOut
    kind: str
    base: str
    phantom: bool
    trained_on: tuple[str, ...]
    image_size_px: int
    preprocess_version: int
    intended_use: str
    accepts: str
    limits: LimitsOut
    calibration: CalibrationOut
    self_check_cases: int | None
    self_check_equal: int | None
    runtime: RuntimeOut
    provenance: dict[str, Any]
    card: dict[str, Any] | None = None
