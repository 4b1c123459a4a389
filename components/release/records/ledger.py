"""What was promoted, refused and rolled back: an append-only file of JSON lines, each chained to the one before.

A line carries the sha256 of the previous line's content and of its own, so that a changed, removed or swapped
line is found. The ledger is the truth about which model is in use; the registry's aliases only point. That lines were
cut off at the end, or all were written anew, the end that was left beside the folder shows (components/anchor.py);
whoever can write there, too, can forge both.

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

from components.anchor import START, End, anchor_of, leave_ends, read_ends
from components.errors import ReleaseError
from components.release.records.words import check_words, shown

Action = Literal["promote", "refuse", "rollback", "approve", "accept"]
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

    def refusal_of(self, digest: str) -> Entry | None:
        """The entry by which a model was refused last; None if it never was, or was promoted since."""
        judged = [e for e in self.entries if e.candidate == digest and e.action in ("promote", "refuse")]
        return judged[-1] if judged and judged[-1].action == "refuse" else None

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
        If a line was changed, removed, added or swapped, naming the first such line; or if the ledger doesn't end where
        it was left.
    """
    while True:
        ends = read_ends(path)
        ledger = _read_chain(path)
        if _fits(ledger, ends):
            return ledger
        if read_ends(path) == ends:  # Else somebody appended while it was read.
            raise ReleaseError(
                f"{path} {_told(ledger)}; {anchor_of(path).name} says that it {_left(ends)}",
                expected="the ledger as it was left, whole and none but its own",
                remedy=f"restore {path.parent} and {anchor_of(path).name} from one backup; or, if what is there is "
                'right (compare `ledger` in reports/promotion.json), accept it: `sonoforge accept-ledger --reason "…"`',
            )


def _fits(ledger: Ledger, ends: tuple[End, ...] | None) -> bool:
    end = (len(ledger.entries), ledger.head)
    return end in ends if ends is not None else not ledger.entries


def _told(ledger: Ledger) -> str:
    return f"ends with entry {len(ledger.entries)}, {ledger.head[:12]}" if ledger.entries else "holds no entry"


def _left(ends: tuple[End, ...] | None) -> str:
    if not ends:
        return (
            "ended nobody knows where (the file is gone)" if ends is None else "ended nobody knows where (it is broken)"
        )
    return "ended with " + " or ".join(f"entry {entries}, {digest[:12]}" for entries, digest in ends)


def _read_chain(path: Path) -> Ledger:
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
                remedy="restore the ledger from a backup; until then nothing is promoted or rolled back. Without one, "
                "move it away, keep it for whoever asks, and begin anew: `sonoforge accept-ledger --reason …`",
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
        If the ledger was tampered with, or what a person wrote isn't plain words on one line.
    """
    check_words(who, what="name of who does it")
    return _write(
        path,
        read_ledger(path),
        Entry(
            number=0,
            at="",
            who=who,
            action=action,
            source=source,
            target=target,
            candidate=candidate,
            gate_sha256=gate_sha256,
            # What the stages write names files and checks, and may be long: it is kept, with such characters spelt out.
            reason=shown(reason) if action in ("promote", "refuse") else check_words(reason, what="reason"),
            previous="",
            package_sha256=package_sha256,
            calibration_sha256=calibration_sha256,
            card_sha256=card_sha256,
        ),
    )


def accept(path: Path, *, who: str, reason: str) -> Entry:
    """Take a ledger that doesn't end where it was left for what it is from now on, and enter that; the caller holds the
    release lock. Its chain must be whole.

    Raises
    ------
    ReleaseError
        If a line was tampered with, what was written isn't plain words on one line, or there is nothing to accept: the
        ledger ends where it was left.
    """
    check_words(who, what="name of who does it")
    check_words(reason, what="reason")
    ledger, ends = _read_chain(path), read_ends(path)
    if _fits(ledger, ends):
        raise ReleaseError(
            f"{path} {_told(ledger)}, where it was left",
            expected="a ledger that doesn't",
            remedy="nothing: there is nothing to accept",
        )
    champion = ledger.champion
    told = f"{reason} (the ledger {_told(ledger)}; it {_left(ends)})"
    entry = Entry(0, "", who, "accept", champion, champion, None, None, told, "")
    return _write(path, ledger, entry)


def _write(path: Path, ledger: Ledger, entry: Entry) -> Entry:
    """Append an entry to a ledger that was read, with the number, time and predecessor that it gets there."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    entry = replace(entry, number=len(ledger.entries) + 1, at=at, previous=ledger.head).sealed()
    coming = (entry.number, entry.digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    leave_ends(path, (len(ledger.entries), ledger.head), coming)
    with path.open("ab") as file:
        if ledger.torn:
            file.truncate(file.tell() - len(ledger.torn))
        file.write(_line(entry))
        file.flush()
        os.fsync(file.fileno())
    leave_ends(path, coming)
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
