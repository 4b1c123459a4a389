"""What a client says about the objects on an image.

Leaves out: what only the image can tell, such as whether a box lies inside it (components/promptable/predict.py).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.types import Point, Prompt
from serving.schema.strict import Message

MAX_OBJECTS = 64
MAX_POINTS = 256

Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
"""Pixels; the bounds only keep absurd numbers out."""


class PointIn(Message):
    """A click in pixels: on the object where `positive`, else beside it."""

    x: Coordinate
    y: Coordinate
    positive: bool = True


class ObjectIn(Message):
    """What is said about one object: a half-open box [x0, y0, x1, y1], clicks, or both."""

    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = None
    points: Annotated[tuple[PointIn, ...], Field(max_length=MAX_POINTS)] = ()

    def to_prompt(self) -> Prompt:
        """The same as the library's type."""
        points = tuple(Point(point.x, point.y, point.positive) for point in self.points)
        return Prompt(box_xyxy=self.box, points=points)


class PromptsIn(Message):
    """The `prompts` field of a request: one entry for each object, answered in the same order."""

    objects: Annotated[tuple[ObjectIn, ...], Field(min_length=1, max_length=MAX_OBJECTS)]

    def to_prompts(self) -> list[Prompt]:
        """The same as the library's types."""
        return [given.to_prompt() for given in self.objects]
