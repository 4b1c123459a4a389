"""Rows about served traffic to JSON lines in a folder, from a thread of their own that no prediction waits for.

One line a row, appended and never rewritten: a crash costs what waited in memory (`flush_seconds`) and at most one torn
line, which the reader counts and skips. Parquet, which needs its end to be read at all, would lose the whole file. Each
writer has files of its own, so any number of processes share a folder. Nothing here raises into a prediction: a full
queue and a full disk lose rows, and `counts` tells how many.

The time of a row is the start of its step of `bucket_minutes`, in UTC, and rows name no image, person or client. Leaves
out: what a row holds (components/promptable/signals.py), reading (reading.py).
"""

from __future__ import annotations

import json
import logging
import math
import os
import queue
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from components.params.monitoring import SignalParams
from components.promptable.signals import Row

Kind = Literal["image", "outline", "feedback"]
FILE = re.compile(r"(\d{8})-[0-9a-f]{8}-\d{4,}\.jsonl")
"""Day, writer, and number of a file of signals."""
SHARE_OF_ALL = 16
"""A file ends where it holds this part of all bytes that may be kept, so that little goes with the oldest one."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows since the start: handed in, written, dropped as the queue was full, lost as the disk took none."""

    added: int
    written: int
    dropped: int
    lost: int


class SignalWriter:
    """Takes rows from any thread, and writes them in the background; `close` writes what waits."""

    def __init__(self, folder: Path, params: SignalParams, *, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._params = params
        self._now = now
        self._name = uuid.uuid4().hex[:8]
        self._waiting: queue.Queue[tuple[float, Kind, str, Row]] = queue.Queue(params.queue_rows)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._added = self._written = self._dropped = self._lost = 0
        self._file: tuple[str, int, int] = ("", 0, 0)  # day, number, bytes

    def add(self, kind: Kind, row: Row, *, model_digest: str) -> None:
        """Hand in a row about the model with this digest: microseconds, and never an error.

        After `close`, and where `queue_rows` wait, the row is dropped and counted.
        """
        with self._lock:
            self._added += 1
            if self._closing.is_set():
                self._dropped += 1
                return
            if self._thread is None:
                # Not before the first row: a process that forks in between would have no thread.
                self._thread = threading.Thread(target=self._run, name="signals", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait((self._now(), kind, model_digest, row))
        except queue.Full:
            with self._lock:
                self._dropped += 1

    @property
    def counts(self) -> Counts:
        """What became of the rows until now."""
        with self._lock:
            return Counts(self._added, self._written, self._dropped, self._lost)

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, and end the thread; rows that come later are dropped."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closing.wait(self._params.flush_seconds):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        """Write all that waits, each day's rows to that day's file."""
        by_day: dict[str, list[bytes]] = {}
        # No more than the queue holds: what comes meanwhile is the next flush's, so that this ends.
        for _ in range(self._params.queue_rows):
            try:
                at, kind, digest, row = self._waiting.get_nowait()
            except queue.Empty:
                break
            start = bucket_start(at, self._params.bucket_minutes)
            line = {"at": start.strftime("%Y-%m-%dT%H:%MZ"), "kind": kind, "model": digest, **row}
            by_day.setdefault(start.strftime("%Y%m%d"), []).append(_line(line))
        for day, lines in by_day.items():
            try:
                self._append(day, lines)
            except OSError as error:
                if self._lost == 0:
                    log.warning("signals of served traffic are lost: %s can't be written: %s", self._folder, error)
                with self._lock:
                    self._lost += len(lines)
            else:
                with self._lock:
                    self._written += len(lines)

    def _append(self, day: str, lines: list[bytes]) -> None:
        kept_bytes = int(self._params.keep_megabytes * 1e6)
        content = b"".join(lines)
        open_day, number, size = self._file
        if day != open_day or size + len(content) > kept_bytes // SHARE_OF_ALL:
            number, size = number + 1, 0
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._forget(room=kept_bytes - max(kept_bytes // SHARE_OF_ALL, len(content)))
        path = self._folder / f"{day}-{self._name}-{number:04d}.jsonl"
        # What a write leaves half done must not begin the next line: a failed file is never appended to again.
        self._file = ("", number, 0)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(handle, rest) :]
        finally:
            os.close(handle)
        self._file = (day, number, size + len(content))

    def _forget(self, *, room: int) -> None:
        """Remove files that are too old, then the oldest until at most `room` bytes stay."""
        oldest = datetime.fromtimestamp(self._now(), UTC) - timedelta(days=self._params.keep_days)
        files = signal_files(self._folder)
        sizes = {path: path.stat().st_size for path in files}
        total = sum(sizes.values())
        for path in files:
            if path.name[:8] < oldest.strftime("%Y%m%d") or total > room:
                path.unlink(missing_ok=True)
                total -= sizes[path]


def signal_files(folder: Path) -> list[Path]:
    """The files of signals in a folder, oldest day first; none where there is no folder."""
    found = [path for path in folder.iterdir() if FILE.fullmatch(path.name)] if folder.is_dir() else []
    return sorted(found, key=lambda path: path.name)


def bucket_start(at_s: float, bucket_minutes: int) -> datetime:
    """The start, in UTC, of the step of the day in which a time (seconds since 1970) lies."""
    step_s = bucket_minutes * 60
    return datetime.fromtimestamp(at_s // step_s * step_s, UTC)


def _line(row: Row) -> bytes:
    """A row as a line of JSON; what isn't JSON, or no finite number, becomes null rather than an error."""
    clean = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()
    }
    return (json.dumps(clean, default=lambda _: None, separators=(",", ":")) + "\n").encode()
