"""Batches of entries to the end of a log: whole on the disk, or taken back.

Before lines are written, every end that the log may then have is left beside it (components/anchor.py), so that a crash
leaves a log that fits, and lines that were cut off are missed. Leaves out: who waits for what (log.py); it calls this
from one thread at a time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from components.anchor import START, Anchor, End, sync_folder
from components.audit.entries import NewFile
from components.audit.faults import changed
from components.audit.lines import file_name, seal
from components.audit.opening import Tip


@dataclass(frozen=True, slots=True)
class Receipt:
    """An entry that is on the disk: its number and its digest, which is the log's head at that moment."""

    n: int
    digest: str


class Tail:
    """The open end of a log; without a tip, the end of a new one. A file over `max_file_bytes` gets a follower.

    Raises
    ------
    OSError
        If the files can't be opened to write.
    """

    def __init__(self, folder: Path, tip: Tip | None, *, max_file_bytes: int) -> None:
        self.tip = tip or Tip(uuid4().hex, 0, max_file_bytes, 0, START, "")
        self._folder, self._max_file_bytes = folder, max_file_bytes
        self._file = -1 if tip is None else os.open(self._path(), os.O_WRONLY | os.O_APPEND)
        self._file_number = self.tip.file
        self._anchor = Anchor(folder / file_name(1), self.tip.end)

    def write(self, entries: Sequence[tuple[bytes, str]], *, at: str) -> list[Receipt]:
        """Write entries, each as JSON with its time, all in one file, and wait until they are on the disk.

        `at` is the time of the file's own first line, if one begins.

        Raises
        ------
        AuditError
            If somebody else was at the files; they are left as they are.
        OSError
            If the system refuses; `take_back` removes what may have been written.
        """
        tip, data, ends = self._sealed(entries, at)
        begins = tip.file != self.tip.file
        if not begins:
            self._check_own()
        self._anchor.leave(*ends)
        if begins:
            self._next_file(tip.file)
        _write_all(self._file, data)
        os.fsync(self._file)
        self.tip = tip
        return [Receipt(n, digest) for n, digest in ends[len(ends) - len(entries) :]]

    def settle(self) -> None:
        """Leave the one end that the log has now. If that fails, the earlier ends stay allowed, too: the lines are on
        the disk all the same."""
        with suppress(OSError):
            self._anchor.leave(self.tip.end, durable=False)

    def take_back(self) -> None:
        """After an OSError: what may have been written is no part of the log.

        Raises
        ------
        OSError
            If that can't be had; nothing more may be written then.
        """
        if self._file_number != self.tip.file:
            self._close_file()
            (self._folder / file_name(self._file_number)).unlink()
            self._file_number = self.tip.file
            self._file = os.open(self._path(), os.O_WRONLY | os.O_APPEND)
        elif os.fstat(self._file).st_size > self.tip.size_bytes:
            os.ftruncate(self._file, self.tip.size_bytes)
            os.fsync(self._file)

    def close(self) -> None:
        """Close the files that are open."""
        self._close_file()
        self._anchor.close()

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _sealed(self, entries: Sequence[tuple[bytes, str]], at: str) -> tuple[Tip, bytes, list[End]]:
        """The lines of a batch, where the log ends after them, and every end that it may have on the way there."""
        tip, ends, lines = self.tip, [self.tip.end], []

        def add(entry_json: bytes, at: str) -> None:
            nonlocal tip
            line, digest = seal(entry_json, n=tip.n + 1, previous=tip.digest, at=at)
            tip = replace(tip, n=tip.n + 1, digest=digest, at=at, size_bytes=tip.size_bytes + len(line))
            lines.append(line)
            ends.append(tip.end)

        if tip.size_bytes >= self._max_file_bytes:
            tip = replace(tip, file=tip.file + 1, size_bytes=0)
            add(NewFile(log=tip.log, file=tip.file).model_dump_json().encode(), at)
        for entry_json, entry_at in entries:
            add(entry_json, entry_at)
        return tip, b"".join(lines), ends

    def _next_file(self, number: int) -> None:
        path = self._folder / file_name(number)
        try:
            opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o640)
        except FileExistsError:
            raise changed(path, "no such file yet") from None
        self._close_file()
        self._file, self._file_number = opened, number
        sync_folder(self._folder)

    def _check_own(self) -> None:
        """Nobody else may have moved, cut or lengthened the file, or put another end beside the log."""
        opened, wanted_bytes = os.fstat(self._file), self.tip.size_bytes
        try:
            there = self._path().stat().st_ino == opened.st_ino
        except FileNotFoundError:
            there = False
        if not there or opened.st_size != wanted_bytes:
            raise changed(self._path(), f"the file as it was left, {wanted_bytes:,} bytes")
        if not self._anchor.is_there():
            raise changed(self._anchor.path, "the file that was opened with the log")

    def _path(self) -> Path:
        return self._folder / file_name(self.tip.file)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
