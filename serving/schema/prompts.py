"""What a client says about the objects on an image.

A previous mask stays run lengths until the image's size is known: a few characters can stand for any number of pixels.

Leaves out: what only the image can tell, such as whether a box lies inside it (components/promptable/predict.py).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, FailFast, Field

from components.errors import PromptError
from components.masks import decode_checked
from components.types import Point, Prompt
from serving.schema.strict import Message

MAX_OBJECTS = 64
MAX_POINTS = 256
MAX_SIDE_PX = 1_000_000
MAX_COUNTS = 262_144
"""Characters of a mask's run lengths; some ten times what a large, ragged one takes."""

Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
"""Pixels; the bounds only keep absurd numbers out."""
Side = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]


class PointIn(Message):
    """A click in pixels: on the object where `positive`, else beside it."""

    x: Coordinate
    y: Coordinate
    positive: bool = True


class RleIn(Message):
    """A mask as COCO compressed run lengths, as an answer's `mask`: `size` is [height, width] in pixels."""

    size: tuple[Side, Side]
    counts: Annotated[str, Field(min_length=1, max_length=MAX_COUNTS)]


class ObjectIn(Message):
    """What is said about one object: a half-open box [x0, y0, x1, y1], clicks, a previous mask, or several of them."""

    # That there is at least one of them is looked at with the image at hand (`check_prompts`).
    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["box"], "properties": {"box": {"type": "array"}}},
                {"required": ["points"], "properties": {"points": {"minItems": 1}}},
                {"required": ["mask"], "properties": {"mask": {"type": "object"}}},
            ]
        }
    )

    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = None
    points: Annotated[tuple[PointIn, ...], FailFast(), Field(max_length=MAX_POINTS)] = ()
    mask: RleIn | None = None

    def to_prompt(self, size_hw: tuple[int, int] | None = None) -> Prompt:
        """The same as the library's type, on an image of `size_hw` (pixels).

        Raises
        ------
        PromptError
            If there is a mask and it isn't one of the image's size; or no size is given, before any mask is decoded.
        """
        points = tuple(Point(point.x, point.y, point.positive) for point in self.points)
        if self.mask is None:
            return Prompt(box_xyxy=self.box, points=points)
        if size_hw is None:
            raise PromptError("a previous mask", expected="a box or points", remedy="leave the mask out")
        mask = decode_checked({"size": self.mask.size, "counts": self.mask.counts}, size_hw)
        return Prompt(box_xyxy=self.box, points=points, mask=mask)


class PromptsIn(Message):
    """The `prompts` field of a request: one entry for each object, answered in the same order."""

    objects: Annotated[tuple[ObjectIn, ...], FailFast(), Field(min_length=1, max_length=MAX_OBJECTS)]

    def to_prompts(self, size_hw: tuple[int, int] | None = None) -> list[Prompt]:
        """The same as the library's types, on an image of `size_hw` (pixels); masks take a byte a pixel.

        Raises
        ------
        PromptError
            As `ObjectIn.to_prompt`, naming the object by its place.
        """
        prompts = []
        for place, given in enumerate(self.objects):
            try:
                prompts.append(given.to_prompt(size_hw))
            except PromptError as error:
                found = f"object {place}: {error.found}"
                raise PromptError(found, expected=error.expected, remedy=error.remedy) from None
        return prompts
