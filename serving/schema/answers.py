"""What the service answers about an image: outlines in all their forms, and how far to trust them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from serving.schema.strict import Message

IMAGE_ID = r"^[0-9a-f]{64}$"
ImageId = Annotated[str, StringConstraints(pattern=IMAGE_ID)]


class ModelOut(Message):
    """Which model answered: its name, version and the sha256 of its weights, and what ran it, in words."""

    name: str
    version: str
    digest: str
    runtime: str


class GuardOut(Message):
    """Whether the image is unlike the ultrasound that the model knows: its score, the limit, and the finding in
    words."""

    flagged: bool
    score: float
    threshold: float
    told: str


class RegionOut(Message):
    """A part of the image as the file states it: a half-open box in pixels, and millimetres a pixel.

    `source` says where in the file that stands. Both scales are null where there is none to be trusted, as in a Doppler
    curve, and `why` then says so: nothing that such a region overlaps is in millimetres.
    """

    box: tuple[int, int, int, int]
    x_mm: float | None
    y_mm: float | None
    source: str
    why: str | None


class ImageOut(Message):
    """The image as it was decoded: pixels, and the id under which its embedding is kept.

    `frame` is which of the file's `frames` it is, counted from 0; `regions` are all that the file states, empty
    where it states none.
    `guard` is null where the model carries no calibration: nothing watches for images that aren't ultrasound then.
    """

    width: int
    height: int
    id: ImageId
    frame: int
    frames: int
    guard: GuardOut | None = None
    regions: list[RegionOut] = Field(default_factory=list)


class RleOut(Message):
    """COCO compressed run lengths; `size` is [height, width]."""

    size: tuple[int, int]
    counts: str


class SpacingOut(Message):
    """Millimetres a pixel to the right and down, and where they are known from."""

    x_mm: float
    y_mm: float
    source: str


class LineOut(Message):
    """A diameter: its ends in pixel-corner coordinates, and its length; `mm` is null without a scale."""

    start: Annotated[tuple[float, float], Field(alias="from")]
    end: Annotated[tuple[float, float], Field(alias="to")]
    px: float
    mm: float | None


class MeasurementsOut(Message):
    """What was measured of a mask (components/findings/measure.py says how).

    Both diameters are null for an empty mask, and for one too ragged to be traced, whose `parts` are 0; `parts` are the
    pieces that the mask falls into, of which the diameters are the largest one's. `why` says why there are no
    millimetres, or no diameters of something outlined; null where there are.
    """

    area_px: int
    area_mm2: float | None
    longest: LineOut | None
    perpendicular: LineOut | None
    parts: int
    spacing: SpacingOut | None
    why: str | None


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
    measurements: MeasurementsOut


class TimingOut(Message):
    """Where the time went, in milliseconds; `embed` is 0 where the embedding was at hand."""

    decode: float = 0.0
    embed: float = 0.0
    segment: float = 0.0
    encode: float = 0.0
    total: float


class SegmentOut(Message):
    """The answer to `POST /v1/segment`; `prediction` is its id in the audit log."""

    prediction: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    model: ModelOut
    image: ImageOut
    objects: list[ObjectOut]
    timing_ms: TimingOut


class EmbedOut(Message):
    """The answer to `POST /v1/images`."""

    model: ModelOut
    image: ImageOut
    timing_ms: TimingOut
