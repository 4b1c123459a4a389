"""A person's approval of a verdict: an entry of the ledger, bound to the sha256 of the gate's record.

Any change of `gate.json` voids it, since the changed record has another digest. Only a PASS can be approved: a person
adds a second condition to the gate, and can't stand in for it. Leaves out: acting on verdict and approval (promote.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.artefacts import sha256_of
from components.errors import ReleaseError
from components.params import GateParams
from components.release.records.ledger import LEDGER, Entry, append, read_ledger
from components.release.records.lock import release_lock
from components.release.verdict import read_gate

HOW = 'read the record, then `sonoforge approve --reason "…"` and `sonoforge promote student` (or name a model to both)'


@dataclass(frozen=True, slots=True)
class Approval:
    """Whether a verdict needs a person's approval, the ledger's entry of it (None: there is none), and, where it needs
    one that isn't there, why a promotion must be refused."""

    required: bool
    entry: Entry | None
    missing: str | None


def approve(root: Path, gate: Path, *, reason: str, who: str) -> Entry:
    """Enter a person's approval of a gate's record in the ledger; a second one of the same record adds nothing.

    Raises
    ------
    ReleaseError
        If there is no reason, the record is broken or doesn't say PASS, or the ledger was tampered with.
    """
    if not reason.strip():
        raise ReleaseError(
            "an approval without a reason", expected="why, in words", remedy='say it: `--reason "seen with …"`'
        )
    record = read_gate(gate)
    if record["verdict"] != "PASS":
        raise ReleaseError(
            f"{gate} says {record['verdict']}",
            expected="a PASS: an approval comes on top of the gate, and doesn't replace it",
            remedy="mend what its checks name and run the graph again: `dvc repro`",
        )
    with release_lock(root):
        given = _given(root, gate, record)
        if given is not None:
            return given
        champion = read_ledger(root / LEDGER).champion
        return append(
            root / LEDGER,
            action="approve",
            who=who,
            source=champion,
            target=champion,
            candidate=record["model"]["digest"],
            gate_sha256=sha256_of(gate),
            reason=reason.strip(),
        )


def check_approval(root: Path, gate: Path, params: GateParams) -> Approval:
    """Whether a gate's record is approved, where the parameters or the record itself ask for it.

    Raises
    ------
    ReleaseError
        If the record is broken or the ledger was tampered with.
    """
    record = read_gate(gate)
    required = params.require_approval or bool((record.get("approval") or {}).get("required"))
    entry = _given(root, gate, record)
    missing = None
    if required and entry is None:
        earlier = [one for one in read_ledger(root / LEDGER).of(record["model"]["digest"]) if one.action == "approve"]
        void = f"; the approval by {earlier[-1].who} of {earlier[-1].at} was of another record" if earlier else ""
        missing = f"no person has approved this verdict, which params.yaml asks for{void}: {HOW}"
    return Approval(required, entry, missing)


def _given(root: Path, gate: Path, record: dict[str, Any]) -> Entry | None:
    """The approval of exactly this record, if the ledger holds one."""
    digest = sha256_of(gate)
    for entry in reversed(read_ledger(root / LEDGER).entries):
        if (entry.action, entry.gate_sha256, entry.candidate) == ("approve", digest, record["model"]["digest"]):
            return entry
    return None
