"""The entries of the audit log, schema 1: what each kind says. docs/audit.md describes them for readers.

Masks, images and exported files stand by their sha256 alone. Texts are bounded and show all of themselves; numbers are
finite. Leaves out: the line around an entry (lines.py), and how digests of masks are made (outlines.py).
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from components.marking import unseen
from components.types import Verdict

MAX_CHARACTERS = 200


def _check_seen(text: str) -> str:
    if bad := unseen(text):
        raise ValueError(f"unseen characters {', '.join(f'U+{ord(each):04X}' for each in bad[:5])}")
    return text


Words = Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS), AfterValidator(_check_seen)]
"""A short text on one line whose characters are all seen."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
PredictionId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Code = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
FileName = Annotated[str, Field(pattern=r"^audit-[0-9a-z.-]{1,100}$")]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Role = Literal["use", "administrate"]


def new_prediction_id() -> PredictionId:
    """A random id for a prediction, 32 hexadecimal digits."""
    return uuid4().hex


class Part(BaseModel):
    """A frozen part of an entry: no unknown fields, no other types, no number that isn't finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ModelUsed(Part):
    """A model as answers name it; `digest` is the sha256 of its weights, `runtime` what ran it, where that is known."""

    name: Words
    version: Words
    digest: Sha256
    runtime: Words | None = None


class ImageSeen(Part):
    """An image: `id` is the service's `image_id`, `pixels_sha256` that of the decoded pixels where it was taken."""

    id: Sha256
    pixels_sha256: Sha256 | None = None
    frame: Count = 0


class PointGiven(Part):
    """A click in pixels."""

    x: float
    y: float
    positive: bool


class PromptGiven(Part):
    """A prompt as it was given; `mask_sha256` is that of a previous mask."""

    box: tuple[float, float, float, float] | None = None
    points: tuple[PointGiven, ...] = ()
    mask_sha256: Sha256 | None = None


class Outlined(Part):
    """One object of an answer: its prompt, its mask by sha256, and what the answer said of it."""

    prompt: PromptGiven
    mask_sha256: Sha256
    area_px: Count
    quality: float
    confidence: float | None = None
    abstain: bool | None = None


class Prediction(Part):
    """An answer, written before it is given; `who` is None where the service asks nobody for a name."""

    kind: Literal["prediction"] = "prediction"
    prediction: PredictionId
    who: Words | None
    role: Role
    model: ModelUsed
    image: ImageSeen
    objects: tuple[Outlined, ...]


class Edit(Part):
    """How far the final mask is from the proposed one; Dice and IoU are None where both are empty.

    `changed_share` is the number of pixels that differ over those of the image.
    """

    dice: Share | None
    iou: Share | None
    changed_share: Share


class Judgement(Part):
    """What became of one object of an answer, by its index there; mask and edit where a final mask was sent."""

    index: Count
    verdict: Verdict
    mask_sha256: Sha256 | None = None
    edit: Edit | None = None


class Feedback(Part):
    """What a person made of an answer; its model stands with the prediction."""

    kind: Literal["feedback"] = "feedback"
    prediction: PredictionId
    who: Words | None
    role: Role
    objects: tuple[Judgement, ...]


class Exported(Part):
    """One object of an exported file, and the answer that it comes from, if it does."""

    mask_sha256: Sha256
    prediction: PredictionId | None = None
    index: Count | None = None
    verdict: Verdict | None = None


class Export(Part):
    """A file that was handed out; `file_sha256` is that of its bytes."""

    kind: Literal["export"] = "export"
    format: Code
    file_sha256: Sha256
    who: Words | None
    role: Role
    image: ImageSeen | None
    objects: tuple[Exported, ...]


class Switch(Part):
    """Another model came into service in place of one that went; `why` in a few words."""

    kind: Literal["switch"] = "switch"
    came: ModelUsed
    went: ModelUsed | None
    who: Words | None
    why: Words


class Start(Part):
    """The service is ready with a model; `version` is that of its software."""

    kind: Literal["start"] = "start"
    version: Words
    model: ModelUsed | None


class Stop(Part):
    """The service ended as it should. A start without a stop before it followed a crash."""

    kind: Literal["stop"] = "stop"
    why: Words


class Refused(Part):
    """Requests that were refused for want of a right: the error's code, and how many since the last such entry."""

    kind: Literal["refused"] = "refused"
    code: Code
    who: Words | None
    times: Annotated[int, Field(ge=1)]


class NewFile(Part):
    """The first line of each file of the log: schema, the log's random id, and the file's number."""

    kind: Literal["file"] = "file"
    schema_version: Literal[1] = 1
    log: PredictionId
    file: Annotated[int, Field(ge=1)]


class Recovered(Part):
    """A crash had left a line half written; its bytes were moved into the file `kept` beside the log."""

    kind: Literal["recovered"] = "recovered"
    file: FileName
    torn_bytes: Annotated[int, Field(ge=1)]
    torn_sha256: Sha256
    kept: FileName


class Accepted(Part):
    """A person took a log that didn't end where it was left for what it is; `left` says where it had been left."""

    kind: Literal["accepted"] = "accepted"
    who: Words
    why: Words
    left: tuple[tuple[Count, Sha256], ...] | None


Entry = Annotated[
    Prediction | Feedback | Export | Switch | Start | Stop | Refused | NewFile | Recovered | Accepted,
    Field(discriminator="kind"),
]
Written = Prediction | Feedback | Export | Switch | Start | Stop | Refused
"""What the service writes; the log itself writes the others."""
Kind = Literal[
    "prediction", "feedback", "export", "switch", "start", "stop", "refused", "file", "recovered", "accepted"
]
