"""How an endpoint describes itself: what it takes, what it answers, which errors it has.

Leaves out: what all of them share (codes.py), and the document that they make together (openapi.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from serving.http.codes import Errors
from serving.schema.strict import Message

JsonSchema = Mapping[str, Any]
ANY_FILE: JsonSchema = {"type": "string", "format": "binary"}
IMAGE_TYPES = ("image/png", "image/jpeg", "image/tiff", "image/bmp", "application/dicom", "application/octet-stream")
JSON = "application/json"
MODEL, TIMING, NAME = "X-SonoForge-Model", "Server-Timing", "Content-Disposition"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form: a message as JSON, or what a schema says; `types` are the media types of its part."""

    kind: type[Message] | JsonSchema
    about: str
    required: bool = False
    types: tuple[str, ...] = ()
    example: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer of one media type: a message, or what a schema says, and headers that it always has."""

    about: str
    media_type: str
    kind: type[Message] | JsonSchema | None = None
    headers: tuple[str, ...] = ()
    example: Any = None


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path. `form` or `body` is what it takes; `rules` adds to a form's schema what fields say together.

    Answers of one status differ in media type only. Errors that the path and the mode of access bring are left out.
    """

    path: str
    method: Literal["get", "post"]
    name: str
    summary: str
    answers: Mapping[int, tuple[Answer, ...]]
    errors: Errors = ()
    about: str = ""
    tag: str = "use"
    form: Mapping[str, Field] = field(default_factory=dict)
    rules: JsonSchema = field(default_factory=dict)
    body: type[Message] | None = None
    example: Any = None
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values of each part of the path that stands in braces."""


IMAGE = Field(ANY_FILE, "The image file: PNG, JPEG, TIFF, BMP or DICOM.", required=True, types=IMAGE_TYPES)
FRAME = Field(
    {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0},
    "Which frame of the file, counted from 0; counts only beside a file.",
    example=0,
)
