"""Entries to the audit log, each on the disk before it is called written.

Any number of threads append; one of them writes what has come together and waits for the disk for all of it, then the
first of those that came meanwhile. An entry that can't be written raises, so that what it stands for need not be given
out: nothing goes unrecorded. A crash loses at most lines that nobody was told of. One process at a time may write a
log. Leaves out: how a log is opened after a crash (opening.py), the files (tail.py), proof (verifying.py) and reading
(reading.py).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from components.audit.entries import Accepted, Part, Written
from components.audit.faults import closed, forked, in_use, nothing_to_accept, unwritable
from components.audit.lines import MAX_LINE_BYTES, time_text
from components.audit.opening import Opened, open_folder
from components.audit.tail import Receipt, Tail
from components.errors import AuditError

MAX_FILE_BYTES = 64 << 20
MAX_BATCH, MAX_BATCH_BYTES = 256, 16 << 20
# What a line holds beside its entry: number, digests, time and the names of all of them.
_AROUND_BYTES = 512


@dataclass(slots=True)
class _Waiting:
    """An entry as JSON, and what its thread waits for: that it is done, or that it's the thread's turn to write."""

    entry_json: bytes
    at: str
    leads: bool = False
    done: threading.Event = field(default_factory=threading.Event)
    receipt: Receipt | None = None
    error: AuditError | None = None


def _now() -> datetime:
    return datetime.now(UTC)


class AuditLog:
    """An open log; `append` may be called by any number of threads. Made by `open`."""

    def __init__(self, folder: Path, opened: Opened, *, lock: FileLock, tail: Tail, clock: Callable[[], datetime]):
        self.folder = folder
        self._lock, self._tail, self._clock = lock, tail, clock
        self._process = os.getpid()
        self._at = opened.tip.at if opened.tip is not None else ""
        self._fault: AuditError | None = None
        self._closing = False
        self._changed = threading.Condition()
        self._led = False
        self._waiting: list[_Waiting] = []

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        clock: Callable[[], datetime] = _now,
        accept: tuple[str, str] | None = None,
    ) -> Self:
        """Open a log to write, or begin one; what a crash left half written is put aside, and that is entered.

        A file of more than `max_file_bytes` is followed by a new one. With `accept`, who and why, a log that doesn't
        end where it was left is taken for what it is, and that is entered.

        Raises
        ------
        AuditError
            If another process writes the log, it can't be written, or it isn't what was written there.
        """
        # Beside the folder stands where the log ended: a relative name must not hide what that is.
        folder = folder.resolve()
        lock = _locked(folder)
        try:
            opened = open_folder(folder, accept=accept is not None)
            if accept is not None and opened.fits:
                raise nothing_to_accept(folder)
            tail = Tail(folder, opened.tip, max_file_bytes=max_file_bytes)
            log = cls(folder, opened, lock=lock, tail=tail, clock=clock)
        except OSError as error:
            lock.release()
            raise unwritable(folder, error) from error
        except BaseException:
            lock.release()
            raise
        try:
            log._begin(opened, accept)
        except BaseException:
            log.close()
            raise
        return log

    def append(self, entry: Written) -> Receipt:
        """Write an entry; returns when it is on the disk.

        Raises
        ------
        AuditError
            If it can't be written: then it isn't in the log, and what it stands for must not be given out.
        """
        return self._append(entry)

    @property
    def head(self) -> Receipt:
        """The last entry that is on the disk."""
        return Receipt(*self._tail.tip.end)

    @property
    def fault(self) -> AuditError | None:
        """Why nothing can be written any more until the log is opened again; None while all is well."""
        return self._fault

    def close(self) -> None:
        """Write what waits, and let the log go. Again is fine; in a forked child, nothing happens."""
        if os.getpid() != self._process:
            return
        with self._changed:
            self._closing = True
            self._changed.wait_for(lambda: not self._led)
        self._tail.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, opened: Opened, accept: tuple[str, str] | None) -> None:
        """The first line of a new log, and what opening it found."""
        if opened.tip is None:
            try:
                self._tail.write([], at=time_text(self._clock()))
            except OSError as error:
                raise unwritable(self.folder, error) from error
            self._tail.settle()
        if opened.recovered is not None:
            self._append(opened.recovered)
        if accept is not None:
            self._append(Accepted(who=accept[0], why=accept[1], left=opened.ends))

    def _append(self, entry: Part) -> Receipt:
        if os.getpid() != self._process:
            raise forked(self.folder)
        entry_json = entry.model_dump_json().encode()
        if len(entry_json) > MAX_LINE_BYTES - _AROUND_BYTES:
            raise AuditError(
                f"an entry of {len(entry_json):,} bytes",
                expected=f"at most {MAX_LINE_BYTES - _AROUND_BYTES:,}",
                remedy="send fewer prompts in one request",
            )
        with self._changed:
            if self._fault is not None or self._closing:
                raise self._fault or closed(self.folder)
            # A clock that was set back must not put an entry before an earlier one.
            self._at = max(self._at, time_text(self._clock()))
            waiting = _Waiting(entry_json, self._at, leads=not self._led)
            self._waiting.append(waiting)
            self._led = True
        if not waiting.leads:
            try:
                _wait(waiting.done)
            except BaseException:
                self._give_up(waiting)
                raise
        if waiting.leads:
            self._lead()
        if waiting.receipt is None:
            raise waiting.error or closed(self.folder)
        return waiting.receipt

    def _lead(self) -> None:
        """Write what has come together, this thread's own entry first; then it's another's turn."""
        with self._changed:
            batch = self._take()
        written = False
        try:
            self._commit(batch)
            written = True
        finally:
            with self._changed:
                if not written:
                    # Nobody knows how far it came, and nobody may wait for it for ever.
                    self._fault = self._fault or closed(self.folder)
                    batch, self._waiting = [*batch, *self._waiting], []
                self._appoint()
            for waiting in batch:
                waiting.done.set()

    def _appoint(self) -> None:
        """Let the first who waits write, if there is one; the caller holds the condition."""
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].done.set()
        else:
            self._led = False
            self._changed.notify_all()

    def _give_up(self, waiting: _Waiting) -> None:
        """A thread was interrupted while it waited: it can't write for others, nor need its own entry be written."""
        with self._changed:
            self._waiting = [each for each in self._waiting if each is not waiting]
            if waiting.leads:
                self._appoint()

    def _take(self) -> list[_Waiting]:
        """What is written next, oldest first; the caller holds the condition."""
        count, size_bytes = 0, 0
        for waiting in self._waiting[:MAX_BATCH]:
            size_bytes += len(waiting.entry_json)
            if count and size_bytes > MAX_BATCH_BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _commit(self, batch: list[_Waiting]) -> None:
        """Write a batch and tell those who wait for it what became of it."""
        error: AuditError | None = self._fault
        if error is None:
            try:
                receipts = self._tail.write([(each.entry_json, each.at) for each in batch], at=batch[0].at)
                # While others wait, their batch leaves this end, too.
                if not self._waiting:
                    self._tail.settle()
                for waiting, receipt in zip(batch, receipts, strict=True):
                    waiting.receipt = receipt
            except AuditError as foreign:
                error = self._fault = foreign
            except OSError as system:
                error = self._refused(system)
        for waiting in batch:
            waiting.error = error

    def _refused(self, system: OSError) -> AuditError:
        error = unwritable(self.folder, system)
        try:
            self._tail.take_back()
        except OSError:
            self._fault = error
        return error


def _wait(event: threading.Event) -> None:
    event.wait()


def _locked(folder: Path) -> FileLock:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The thread that opens a log needn't be the one that closes it.
        lock = FileLock(folder / ".lock", timeout=0, thread_local=False)
        lock.acquire()
    except Timeout:
        raise in_use(folder) from None
    except OSError as error:
        raise unwritable(folder, error) from error
    return lock
