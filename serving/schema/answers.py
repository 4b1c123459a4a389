"""What the service answers about an image: outlines in all their forms, and how far to trust them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from serving.schema.strict import Message

IMAGE_ID = r"^[0-9a-f]{64}$"
ImageId = Annotated[str, StringConstraints(pattern=IMAGE_ID)]


class ModelOut(Message):
    """Which model answered: its name, version and the sha256 of its weights."""

    name: str
    version: str
    digest: str


class GuardOut(Message):
    """Whether the image is unlike the ultrasound that the model knows: its score, the limit, and the finding in
    words."""

    flagged: bool
    score: float
    threshold: float
    told: str


class ImageOut(Message):
    """The image as it was decoded: pixels, and the id under which its embedding is kept.

    `guard` is null where the model carries no calibration: nothing watches for images that aren't ultrasound then.
    """

    width: int
    height: int
    id: ImageId
    guard: GuardOut | None = None


class RleOut(Message):
    """COCO compressed run lengths; `size` is [height, width]."""

    size: tuple[int, int]
    counts: str


class ObjectOut(Message):
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


class TimingOut(Message):
    """Where the time went, in milliseconds; `embed` is 0 where the embedding was at hand."""

    decode: float = 0.0
    embed: float = 0.0
    segment: float = 0.0
    encode: float = 0.0
    total: float


class SegmentOut(Message):
    """The answer to `POST /v1/segment`."""

    model: ModelOut
    image: ImageOut
    objects: list[ObjectOut]
    timing_ms: TimingOut


class EmbedOut(Message):
    """The answer to `POST /v1/images`."""

    model: ModelOut
    image: ImageOut
    timing_ms: TimingOut
