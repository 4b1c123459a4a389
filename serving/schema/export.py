"""Which outlines are to be written into a file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.types import Verdict
from serving.schema.answers import RleOut
from serving.schema.feedback import PredictionId
from serving.schema.prompts import MAX_OBJECTS
from serving.schema.strict import Message

MAX_NAME = 200
Format = Literal["coco", "mask", "overlay", "seg", "sr"]


class ExportedIn(Message):
    """One outline: what its user calls it, its mask as it is now, and which object of which answer it comes from."""

    name: Annotated[str, Field(max_length=MAX_NAME)]
    mask: RleOut
    prediction: PredictionId
    index: Annotated[int, Field(ge=0, lt=MAX_OBJECTS)]
    verdict: Verdict | None = None


class ExportIn(Message):
    """The field `objects` of `POST /v1/export`."""

    objects: Annotated[tuple[ExportedIn, ...], Field(min_length=1, max_length=MAX_OBJECTS)]
