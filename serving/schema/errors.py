"""What every answer that isn't a success holds."""

from __future__ import annotations

from serving.schema.strict import Message


class ErrorDetail(Message):
    """What went wrong: a stable `code`, a sentence, and what to do next."""

    code: str
    message: str
    hint: str


class ErrorOut(Message):
    """Every answer that isn't a success."""

    error: ErrorDetail
