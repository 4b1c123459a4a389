"""A caller who isn't let in, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a caller isn't let in: HTTP status, a stable code, a sentence, what to do; `who` where that is known."""

    status: int
    code: str
    message: str
    hint: str
    who: str | None = None
