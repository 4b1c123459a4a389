"""A gate's record (`gate.json`) read and judged: well-formed, and its verdict the one that follows from its checks.

Leaves out: making the checks (checks, gate.py) and gathering their evidence (gathering.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.errors import ReleaseError
from components.release.checks.check import Outcome, combined
from components.release.records.ledger import Ledger
from components.release.records.released import remedy_for

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


@dataclass(frozen=True, slots=True)
class GateRecord:
    """What a gate's record says, and the bytes that said it: what was read is what is kept and entered."""

    values: Mapping[str, Any]
    content: bytes

    @property
    def sha256(self) -> str:
        """The digest by which ledger and approvals know the record."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def verdict(self) -> Outcome:
        """What it says."""
        found: Outcome = self.values["verdict"]
        return found

    @property
    def digest(self) -> str:
        """The digest of the weights that it judges."""
        return str(self.values["model"]["digest"])


def read_gate(path: Path) -> GateRecord:
    """Read a gate's record, once.

    Raises
    ------
    ReleaseError
        If it is missing, isn't a gate's record, or states another verdict than its checks give.
    """
    try:
        content = path.read_bytes()
        record = _Record.model_validate_json(content)
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
    return GateRecord(record.model_dump(mode="json"), content)


def refuse_outdated(gate: GateRecord, ledger: Ledger) -> None:
    """Refuse a PASS that was given beside another model than the one in use now: it says nothing of that one.

    The model in use itself, and one that was in use before, were let through by a verdict that held then; bringing one
    back is a person's choice.

    Raises
    ------
    ReleaseError
        If the verdict is a PASS, on a model that was never in use, and compares it with another than the one in use.
    """
    beside = gate.values.get("champion")
    known = any(entry.action == "promote" and entry.target == gate.digest for entry in ledger.entries)
    if gate.verdict != "PASS" or known or beside == ledger.champion:
        return
    raise ReleaseError(
        f"the verdict was given beside {_short(beside)}; in use now is {_short(ledger.champion)}",
        expected="a verdict beside the model in use",
        remedy="score and judge again: `dvc repro -f -s validate_internal validate_external gate`, then promote",
    )


def _short(digest: str | None) -> str:
    return "no model" if digest is None else f"the model {digest[:12]}"
