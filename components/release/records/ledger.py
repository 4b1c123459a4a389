"""What was promoted, refused and rolled back: an append-only file of JSON lines, each chained to the one before.

A line carries the sha256 of the previous line's content and of its own, so that a changed, removed or swapped
line is found. The ledger is the truth about which model is in use; the registry's aliases only point. Cutting
lines off at the end leaves a valid chain: compare `head` with what `reports/promotion.json` recorded to find it.

A line without its end is an append that a crash cut short; nobody was told that it had happened. It is reported, and
dropped by the next append. Leaves out: moving files and aliases (components/release/promote.py).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from components.errors import ReleaseError

Action = Literal["promote", "refuse", "rollback", "approve"]
START = "0" * 64
RELEASED = Path("models/released")
LEDGER = RELEASED / "ledger.jsonl"
ADDED = frozenset({"package_sha256", "calibration_sha256", "card_sha256"})
"""Fields that came later than the first ledgers."""


def released_folder(root: Path, digest: str) -> Path:
    """Where a released model stands in the project at `root`."""
    return root / RELEASED / digest[:12]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: who did what when; digests of the model in use before and after, and of the gate's record.

    `package_sha256` is the digest of the list of all files that were judged (`files.json`), `calibration_sha256` that
    of its calibration, `card_sha256` that of the card with which it was released. Lines that were written before these
    fields were know nothing of them (`ADDED`).
    """

    number: int
    at: str
    who: str
    action: Action
    source: str | None
    target: str | None
    candidate: str | None
    gate_sha256: str | None
    reason: str
    previous: str
    package_sha256: str | None = None
    calibration_sha256: str | None = None
    card_sha256: str | None = None
    digest: str = ""

    def sealed(self) -> Entry:
        """The entry with the sha256 of its own content."""
        return replace(self, digest=self._content_digest())

    def is_intact(self) -> bool:
        """Whether the entry's digest is that of its content."""
        return self.digest == self._content_digest()

    def _content_digest(self) -> str:
        content = {key: value for key, value in asdict(self).items() if key != "digest"}
        # A field that is absent counts as one that doesn't exist, so that older lines keep their digests.
        content = {key: value for key, value in content.items() if value is not None or key not in ADDED}
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger's entries, oldest first, and the bytes of a torn last line."""

    entries: tuple[Entry, ...]
    torn: bytes = b""

    @property
    def head(self) -> str:
        """The digest of the last entry."""
        return self.entries[-1].digest if self.entries else START

    @property
    def champion(self) -> str | None:
        """The digest of the model in use."""
        return self._pointers()[0]

    @property
    def previous(self) -> str | None:
        """The digest of the model to which a rollback goes."""
        return self._pointers()[1]

    def of(self, digest: str) -> tuple[Entry, ...]:
        """The entries that concern a model."""
        return tuple(entry for entry in self.entries if digest in (entry.source, entry.target, entry.candidate))

    def promotion_of(self, digest: str) -> Entry | None:
        """The entry by which a model was promoted last; None if it never was."""
        return next((e for e in reversed(self.entries) if e.action == "promote" and e.target == digest), None)

    def package_of(self, digest: str) -> str | None:
        """The digest of the package with which a model was promoted last; None if it was promoted without one."""
        entry = self.promotion_of(digest)
        return None if entry is None else entry.package_sha256

    def put_away(self, digest: str) -> Entry | None:
        """The rollback by which a model went out of use last; None if it is in use, never was, or gave its place to a
        promotion."""
        left = [entry for entry in self.entries if entry.source == digest != entry.target and entry.action != "refuse"]
        return left[-1] if left and left[-1].action == "rollback" and self.champion != digest else None

    def _pointers(self) -> tuple[str | None, str | None]:
        champion: str | None = None
        previous: str | None = None
        for entry in self.entries:
            # A model that is in use and is promoted with another package is still what it was, and so is the former.
            if entry.action != "refuse" and entry.source != entry.target:
                champion, previous = entry.target, entry.source
        return champion, previous


def read_ledger(path: Path) -> Ledger:
    """Read and verify a ledger; an absent file is an empty one.

    Raises
    ------
    ReleaseError
        If a line was changed, removed, added or swapped, naming the first such line.
    """
    if not path.is_file():
        return Ledger(())
    *lines, torn = path.read_bytes().split(b"\n")
    entries: list[Entry] = []
    for number, line in enumerate(lines, start=1):
        entry = _parse(line)
        expected = entries[-1].digest if entries else START
        if entry is None or not entry.is_intact() or entry.previous != expected or entry.number != number:
            raise ReleaseError(
                f"{path}, line {number}, isn't what was written there",
                expected="an unbroken chain of entries",
                remedy="restore the ledger from a backup; until then nothing is promoted or rolled back",
            )
        entries.append(entry)
    return Ledger(tuple(entries), torn)


def append(
    path: Path,
    *,
    action: Action,
    who: str,
    source: str | None,
    target: str | None,
    candidate: str | None,
    gate_sha256: str | None,
    reason: str,
    package_sha256: str | None = None,
    calibration_sha256: str | None = None,
    card_sha256: str | None = None,
) -> Entry:
    """Write one entry at the end and make sure that it is on the disk; the caller holds the release lock.

    `source` and `target` are the digests of the model in use before and after, `candidate` that of the model judged,
    the others as `Entry` has them.

    Raises
    ------
    ReleaseError
        If the ledger was tampered with.
    """
    ledger = read_ledger(path)
    entry = Entry(
        number=len(ledger.entries) + 1,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        who=who,
        action=action,
        source=source,
        target=target,
        candidate=candidate,
        gate_sha256=gate_sha256,
        reason=reason,
        previous=ledger.head,
        package_sha256=package_sha256,
        calibration_sha256=calibration_sha256,
        card_sha256=card_sha256,
    ).sealed()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        if ledger.torn:
            file.truncate(file.tell() - len(ledger.torn))
        file.write(_line(entry))
        file.flush()
        os.fsync(file.fileno())
    return entry


def as_json(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Entries as JSON values, with `from` and `to` for the models before and after."""
    return [_renamed(asdict(entry)) for entry in entries]


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    names = {"source": "from", "target": "to"}
    return {names.get(key, key): value for key, value in values.items()}


def _line(entry: Entry) -> bytes:
    return json.dumps(_renamed(asdict(entry)), ensure_ascii=False).encode() + b"\n"


def _parse(line: bytes) -> Entry | None:
    try:
        values = json.loads(line)
        return Entry(**{{"from": "source", "to": "target"}.get(key, key): value for key, value in values.items()})
    except (ValueError, TypeError, AttributeError):
        return None
