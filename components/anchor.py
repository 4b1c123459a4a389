"""Where a chain of entries ended when it was written last, kept beside its folder: what the chain alone can't show.

A chain proves that no line was changed in place; it can't tell that lines were cut off at its end, that an older copy
was put back, or that somebody wrote a whole new chain. So every append leaves the number and the digest of the last
entry in a file outside of the chain's folder. Before it writes, it leaves both the end that there is and those that
are coming: a crash at any point leaves a chain that fits. Who writes both anew deceives this, too. Leaves out:
what is in the chain (components/release/records/ledger.py, components/audit).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from components.artefacts import replacing

End = tuple[int, str]
"""The number of a chain's entries and the digest of the last one."""
SLOT_BYTES = 32 << 10
"""Room for the ends of three hundred entries."""
START = "0" * 64
"""What stands for the digest of the entry before the first."""


def anchor_of(chained: Path) -> Path:
    """Where the end of a chained file is kept: beside its folder (`models/released.end.json`)."""
    return chained.parent.with_name(f"{chained.parent.name}.end.json")


def read_ends(chained: Path) -> tuple[End, ...] | None:
    """The ends that a chain may have; None if nobody left any. A file that isn't one allows none."""
    try:
        data = anchor_of(chained).read_bytes()
    except FileNotFoundError:
        return None
    if len(data) == 2 * SLOT_BYTES:
        return max(_read_slot(data[:SLOT_BYTES]), _read_slot(data[SLOT_BYTES:]))[1]
    try:
        return tuple((int(end["entries"]), str(end["digest"])) for end in json.loads(data)["ends"])
    except (ValueError, KeyError, TypeError):
        return ()


def leave_ends(chained: Path, *ends: End, durable: bool = True) -> None:
    """Keep the ends that a chain may have and, if `durable`, make sure that they outlive a power cut."""
    values = {"schema": 1, "ends": [{"entries": entries, "digest": digest} for entries, digest in ends]}
    path = anchor_of(chained)
    with replacing(path) as beside, beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(values, indent=2) + "\n")
        if durable:
            file.flush()
            os.fsync(file.fileno())
    if durable:
        sync_folder(path.parent)


class Anchor:
    """Where a chain ends, in a file that stays open: for chains that grow many times a second.

    The file has two slots of fixed size, each a line of JSON with a running number, its ends, and the sha256 of both;
    the whole one with the higher number counts. Writing in place waits for the disk once, where a new file under the
    old name waits three times. The slot that is on the disk for certain is never written over, so that a power cut in
    the middle of the other leaves ends that fit. One thread at a time may use it.
    """

    def __init__(self, chained: Path, *ends: End) -> None:
        """Begin the file anew, with the ends that the chain has now."""
        self.path = anchor_of(chained)
        self._number, self._durable = 0, 0
        with replacing(self.path) as beside, beside.open("wb") as file:
            file.write(_slot(0, ends).ljust(SLOT_BYTES) + b" " * SLOT_BYTES)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.path.parent)
        self._file = os.open(self.path, os.O_RDWR)

    def leave(self, *ends: End, durable: bool = True) -> None:
        """Keep the ends that the chain may have and, if `durable`, make sure that they outlive a power cut.

        Raises
        ------
        OSError
            If that can't be; the ends that were left before count.
        """
        self._number += 1
        slot, line = 1 - self._durable, _slot(self._number, ends)
        if os.pwrite(self._file, line, slot * SLOT_BYTES) != len(line):
            raise OSError(errno.EIO, "only a part was written", str(self.path))
        if durable:
            _sync_data(self._file)
            self._durable = slot

    def is_there(self) -> bool:
        """Whether the file is still the one that was opened."""
        try:
            return self.path.stat().st_ino == os.fstat(self._file).st_ino
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Let the file go; again is fine."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _slot(number: int, ends: Sequence[End]) -> bytes:
    """A slot up to its line's end; what is behind it, of an earlier line, doesn't count."""
    sealed = {"schema": 2, "number": number, "sha256": _sha256(number, ends), "ends": ends}
    line = json.dumps(sealed).encode() + b"\n"
    assert len(line) <= SLOT_BYTES, "few enough ends for a slot"
    return line


def _read_slot(data: bytes) -> tuple[int, tuple[End, ...]]:
    """A slot's number and ends; what isn't whole has a number below all others, and allows none."""
    try:
        values = json.loads(data[: data.index(b"\n")])
        if values["sha256"] == _sha256(values["number"], values["ends"]):
            return int(values["number"]), tuple((int(n), str(digest)) for n, digest in values["ends"])
    except (ValueError, KeyError, TypeError):
        pass
    return -1, ()


def _sha256(number: int, ends: Sequence[End]) -> str:
    return hashlib.sha256(json.dumps([number, ends]).encode()).hexdigest()


# Not every system knows how to leave a file's times out of it.
_sync_data = getattr(os, "fdatasync", os.fsync)


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder outlive a power cut: files that were made, renamed or removed in it."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
