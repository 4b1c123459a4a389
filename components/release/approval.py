"""A person's approval of a verdict: an entry of the ledger, bound to the sha256 of the gate's record.

Any change of `gate.json` voids it, since the changed record has another digest, and so does a rollback that took the
model out of use: what was approved has then turned out otherwise. Only a PASS can be approved: a person
adds a second condition to the gate, and can't stand in for it. Leaves out: acting on verdict and approval (promote.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.errors import ReleaseError
from components.params import GateParams
from components.release.records.ledger import LEDGER, Entry, Ledger, append, read_ledger
from components.release.records.lock import release_lock
from components.release.verdict import GateRecord, read_gate

HOW = 'read the record, then `sonoforge approve --reason "…"` and `sonoforge promote student` (or name a model to both)'


@dataclass(frozen=True, slots=True)
class Approval:
    """Whether a verdict needs a person's approval, the ledger's entry of it (None: there is none), and, where it needs
    one that isn't there, why a promotion must be refused."""

    required: bool
    entry: Entry | None
    missing: str | None


def approve(root: Path, gate: Path, *, reason: str, who: str) -> Entry:
    """Enter a person's approval of a gate's record in the ledger; a second one of the same record adds nothing, unless
    a rollback came between.

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
    if record.verdict != "PASS":
        raise ReleaseError(
            f"{gate} says {record.verdict}",
            expected="a PASS: an approval comes on top of the gate, and doesn't replace it",
            remedy="mend what its checks name and run the graph again: `dvc repro`",
        )
    with release_lock(root):
        ledger = read_ledger(root / LEDGER)
        given = _given(ledger, record)
        if given is not None:
            return given
        return append(
            root / LEDGER,
            action="approve",
            who=who,
            source=ledger.champion,
            target=ledger.champion,
            candidate=record.digest,
            gate_sha256=record.sha256,
            reason=reason.strip(),
        )


def check_approval(ledger: Ledger, gate: GateRecord, params: GateParams) -> Approval:
    """Whether a gate's record is approved, where the parameters or the record itself ask for it."""
    required = params.require_approval or bool((gate.values.get("approval") or {}).get("required"))
    entry = _given(ledger, gate)
    missing = None
    if required and entry is None:
        earlier = [one for one in ledger.of(gate.digest) if one.action == "approve"]
        since = "came before a rollback" if ledger.put_away(gate.digest) else "was of another record"
        void = f"; the approval by {earlier[-1].who} of {earlier[-1].at} {since}" if earlier else ""
        missing = f"no person has approved this verdict, which params.yaml asks for{void}: {HOW}"
    return Approval(required, entry, missing)


def _given(ledger: Ledger, gate: GateRecord) -> Entry | None:
    """The approval of exactly this record, if the ledger holds one, and no rollback that came after it."""
    put_away = ledger.put_away(gate.digest)
    for entry in reversed(ledger.entries[put_away.number if put_away else 0 :]):
        if (entry.action, entry.gate_sha256, entry.candidate) == ("approve", gate.sha256, gate.digest):
            return entry
    return None
