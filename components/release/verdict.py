"""A gate's record (`gate.json`) read and judged: well-formed, its verdict the one that follows from its checks, and a
PASS one by all conditions that every run is judged by.

Whoever writes a whole record by hand is believed all the same: nothing here is signed.
Leaves out: making the checks (checks, gate.py) and gathering their evidence (gathering.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.errors import ReleaseError, first_fault
from components.release.checks.check import Outcome, combined
from components.release.records.ledger import Ledger
from components.release.records.released import remedy_for

SIDES = ("internal", "external")
EVERY_RUN = (
    *(
        "provenance",
        "clean_tree",
        "declared",
        "leak",
        "trained_split",
        "sides",
        "external",
        "floor_external",
        "teacher",
    ),
    *("champion", "false_regions", "scored_calibration", "abstention", "guard", "seeds", "intact", "parity"),
    *("no_pickle", "package", "package_files", "no_pickle_bento", "exported_parity", "service_parity"),
    *("service_same", "runtime_parity"),
    *("embed_latency", "segment_latency", "start_time", "memory", "documents"),
)
EACH_SIDE = ("scored_by", "rows", "scores")
EACH_DATASET = ("data",)
EACH_INTERNAL = (
    *("cases", "groups", "floor", "floor_nsd", "skill", "skill_share", "teacher", "misses", "subgroup", "jitter"),
    *("calibration", "aurc"),
)
"""The conditions without which no verdict is a PASS, whatever the parameters are."""
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
        raise ReleaseError(
            f"{path} isn't a gate's record: {first_fault(error)}",
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


def refuse_incomplete(gate: GateRecord, path: Path) -> None:
    """Refuse a PASS that lacks a condition by which every run is judged, or names no datasets that it is about.

    Raises
    ------
    ReleaseError
        If it does.
    """
    if gate.verdict != "PASS":
        return
    missing = missing_checks(gate.values)
    if missing:
        raise ReleaseError(
            f"{path} says PASS without {', '.join(missing[:5])}" + (" and others" if len(missing) > 5 else ""),
            expected="all conditions that a run is judged by, on the datasets of both sides",
            remedy=AGAIN,
        )


def missing_checks(record: Mapping[str, Any]) -> list[str]:
    """What a record of a PASS must hold and doesn't: ids of checks, or datasets of a side."""
    datasets = record.get("datasets")
    sides = {side: list((datasets or {}).get(side) or ()) for side in SIDES} if isinstance(datasets, Mapping) else {}
    if without := [f"datasets: {side}" for side in SIDES if not sides.get(side)]:
        return without
    held = [check["id"] for check in record["checks"]]
    return [one for one in expected_checks(**sides) if not any(id_ == one or id_.startswith(f"{one}:") for id_ in held)]


def expected_checks(*, internal: Sequence[str], external: Sequence[str]) -> list[str]:
    """The ids by which every run on these datasets is judged; `floor:busi` stands for `floor:busi:box`, too."""
    return [
        *EVERY_RUN,
        *(f"{name}:{side}" for side in SIDES for name in EACH_SIDE),
        *(f"{name}:{dataset}" for dataset in (*internal, *external) for name in EACH_DATASET),
        *(f"{name}:{dataset}" for dataset in internal for name in EACH_INTERNAL),
    ]


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
