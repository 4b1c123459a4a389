"""What clients send and get, as types: strict, finite, bounded; unknown keys are refused.

Leaves out: what only the image can tell, such as whether a box lies inside it (components/promptable/predict.py).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from components.types import Point, Prompt

MAX_OBJECTS = 64
MAX_POINTS = 256
API_VERSION = "v1"

Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
"""Pixels; the bounds only keep absurd numbers out."""
IMAGE_ID = r"^[0-9a-f]{64}$"
ImageId = Annotated[str, StringConstraints(pattern=IMAGE_ID)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class PointIn(_Strict):
    """A click in pixels: on the object where `positive`, else beside it."""

    x: Coordinate
    y: Coordinate
    positive: bool = True


class ObjectIn(_Strict):
    """What is said about one object: a half-open box [x0, y0, x1, y1], clicks, or both."""

    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = None
    points: Annotated[tuple[PointIn, ...], Field(max_length=MAX_POINTS)] = ()

    def to_prompt(self) -> Prompt:
        """The same as the library's type."""
        points = tuple(Point(point.x, point.y, point.positive) for point in self.points)
        return Prompt(box_xyxy=self.box, points=points)


class PromptsIn(_Strict):
    """The `prompts` field of a request: one entry for each object, answered in the same order."""

    objects: Annotated[tuple[ObjectIn, ...], Field(min_length=1, max_length=MAX_OBJECTS)]

    def to_prompts(self) -> list[Prompt]:
        """The same as the library's types."""
        return [given.to_prompt() for given in self.objects]


class ModelOut(_Strict):
    """Which model answered: its name, version and the sha256 of its weights."""

    name: str
    version: str
    digest: str


class GuardOut(_Strict):
    """Whether the image is unlike the ultrasound that the model knows: its score, the limit, and the finding in
    words."""

    flagged: bool
    score: float
    threshold: float
    told: str


class ImageOut(_Strict):
    """The image as it was decoded: pixels, and the id under which its embedding is kept.

    `guard` is null where the model carries no calibration: nothing watches for images that aren't ultrasound then.
    """

    width: int
    height: int
    id: ImageId
    guard: GuardOut | None = None


class RleOut(_Strict):
    """COCO compressed run lengths; `size` is [height, width]."""

    size: tuple[int, int]
    counts: str


class ObjectOut(_Strict):
    """One object's mask in the image's own pixels.

    `polygons` are rings [x0, y0, x1, y1, …] along pixel corners, to be filled together by the even-odd rule; `box` is
    the mask's tight half-open box, null where the mask is empty; `quality` is the model's own estimate of its IoU.
    `confidence` is that estimate as it was held against truth, `abstain` whether the outline isn't to be relied on, and
    `reasons` says why, in words; the first two are null where the model carries no calibration.
    """

    mask: RleOut
    polygons: list[list[float]]
    box: tuple[int, int, int, int] | None
    area_px: int
    quality: float
    confidence: float | None = None
    abstain: bool | None = None
    reasons: list[str] = Field(default_factory=list)


class TimingOut(_Strict):
    """Where the time went, in milliseconds; `embed` is 0 where the embedding was at hand."""

    decode: float = 0.0
    embed: float = 0.0
    segment: float = 0.0
    encode: float = 0.0
    total: float


class SegmentOut(_Strict):
    """The answer to `POST /v1/segment`."""

    model: ModelOut
    image: ImageOut
    objects: list[ObjectOut]
    timing_ms: TimingOut


class EmbedOut(_Strict):
    """The answer to `POST /v1/images`."""

    model: ModelOut
    image: ImageOut
    timing_ms: TimingOut


class LimitsOut(_Strict):
    """What the service accepts at most."""

    body_bytes: int
    prompts_bytes: int
    image_px: int
    mask_px: int
    objects: int = MAX_OBJECTS
    points: int = MAX_POINTS


class CalibrationOut(_Strict):
    """How the model's confidence was made, in words (`told`) and numbers (`how`); null and "not calibrated" without."""

    calibrated: bool
    told: str
    threshold: float | None = None
    guard_threshold: float | None = None
    how: dict[str, Any] | None = None


class CardOut(_Strict):
    """The answer to `GET /v1/model`: the model card, as far as the released folder tells."""

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
    provenance: dict[str, Any]
    card: dict[str, Any] | None = None


class ErrorDetail(_Strict):
    """What went wrong: a stable `code`, a sentence, and what to do next."""

    code: str
    message: str
    hint: str


class ErrorOut(_Strict):
    """Every answer that isn't a success."""

    error: ErrorDetail
