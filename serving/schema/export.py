"""Which outlines are to be written into a file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import FailFast, Field

from components.types import Verdict
from serving.schema.feedback import PredictionId
from serving.schema.prompts import MAX_OBJECTS, Coordinate, RleIn
from serving.schema.strict import Message

MAX_NAME = 200
Format = Literal["coco", "mask", "overlay", "seg", "sr"]


class LineIn(Message):
    """A diameter that a person set: its ends in pixel-corner coordinates, inside the image and not at one place."""

    start: Annotated[tuple[Coordinate, Coordinate], Field(alias="from")]
    end: Annotated[tuple[Coordinate, Coordinate], Field(alias="to")]


class ExportedIn(Message):
    """One outline: what its user calls it, its mask as it is now, and which object of which answer it comes from.

    `longest` and `perpendicular` are the diameters that a person moved; without them the file has the measured ones.
    """

    name: Annotated[str, Field(max_length=MAX_NAME)]
    mask: RleIn
    prediction: PredictionId
    index: Annotated[int, Field(ge=0, lt=MAX_OBJECTS)]
    verdict: Verdict | None = None
    longest: LineIn | None = None
    perpendicular: LineIn | None = None


class ExportIn(Message):
    """The field `objects` of `POST /v1/export`."""

    objects: Annotated[tuple[ExportedIn, ...], FailFast(), Field(min_length=1, max_length=MAX_OBJECTS)]
