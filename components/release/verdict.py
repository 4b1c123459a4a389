"""A gate's record (`gate.json`) read and judged: well-formed, and its verdict the one that follows from its checks.

Leaves out: making the checks (checks, gate.py) and gathering their evidence (gathering.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.errors import ReleaseError
from components.release.checks.check import Outcome, combined
from components.release.released import remedy_for

AGAIN = "run the stage `gate` again: `dvc repro gate`"


class _Known(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class _Judged(_Known):
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Check(_Known):
    id: str
    verdict: Outcome
    reason: str


class _Record(_Known):
    verdict: Outcome
    model: _Judged
    checks: tuple[_Check, ...] = Field(min_length=1)


def read_gate(path: Path) -> dict[str, Any]:
    """Read a gate's record.

    Raises
    ------
    ReleaseError
        If it is missing, isn't a gate's record, or states another verdict than its checks give.
    """
    try:
        record = _Record.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReleaseError(
            f"no verdict {path}: {error.strerror}",
            expected="the gate's record",
            remedy=remedy_for(path.parent, "run the stage `gate`: `dvc repro gate`"),
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ReleaseError(
            f"{path} isn't a gate's record: {place + ': ' if place else ''}{first['msg']}",
            expected="a verdict, the model's digest and at least one check",
            remedy=remedy_for(path.parent, AGAIN),
        ) from None
    follows = combined(check.verdict for check in record.checks)
    if record.verdict != follows:
        raise ReleaseError(
            f"{path} says {record.verdict}, but its checks give {follows}: it was altered",
            expected=f"the verdict {follows}",
            remedy=remedy_for(path.parent, f"{AGAIN}; promote only what it says itself"),
        )
    return record.model_dump(mode="json")
