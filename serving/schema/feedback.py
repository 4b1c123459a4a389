"""What a person made of an answer, as the service is told it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, FailFast, Field, StringConstraints, model_validator

from components.types import Verdict
from serving.schema.prompts import MAX_OBJECTS, RleIn
from serving.schema.strict import Message

PREDICTION_ID = r"^[0-9a-f]{32}$"
PredictionId = Annotated[str, StringConstraints(pattern=PREDICTION_ID)]


class JudgementIn(Message):
    """What became of one object of an answer, by its place there; `mask` is the final one where it was edited."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {
                    "properties": {"verdict": {"const": "edited"}, "mask": {"type": "object"}},
                    "required": ["verdict", "mask"],
                },
                {"properties": {"verdict": {"enum": ["accepted", "rejected"]}, "mask": {"type": "null"}}},
            ]
        }
    )

    index: Annotated[int, Field(ge=0, lt=MAX_OBJECTS)]
    verdict: Verdict
    mask: RleIn | None = None

    @model_validator(mode="after")
    def _edited_to_something(self) -> Self:
        if (self.verdict == "edited") != (self.mask is not None):
            raise ValueError("`mask` is the final one of an object that was edited, and of no other")
        return self


class FeedbackIn(Message):
    """The body of `POST /v1/feedback`; each object at most once."""

    prediction: PredictionId
    objects: Annotated[tuple[JudgementIn, ...], FailFast(), Field(min_length=1, max_length=MAX_OBJECTS)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({each.index for each in self.objects}) < len(self.objects):
            raise ValueError("an object is judged twice")
        return self


class FeedbackOut(Message):
    """The answer: `entry` is the number of the line in the audit log."""

    prediction: PredictionId
    entry: int
