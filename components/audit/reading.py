"""A log to the entries that somebody asks for, one at a time.

Each line is checked by its own digest; whether lines follow on each other `verifying.py` says. A last line without its
end is one that is being written. Leaves out: printing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from components.audit.entries import Kind, NewFile
from components.audit.lines import Line, log_files, parse, raw_lines, time_text
from components.errors import AuditError

TAIL_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Found:
    """A line of a log, and where it stands."""

    line: Line
    file: str
    number: int


def read(
    folder: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    kinds: Collection[Kind] = (),
    containing: Collection[str] = (),
) -> Iterator[Found]:
    """The entries of a log in order: from `since` on and before `until` (with their zones), of these kinds, and whose
    line holds one of these hexadecimal ids or digests, or one that begins so; all where none is named.

    Raises
    ------
    AuditError
        If there is no log, or a line isn't what was written there, naming it.
    """
    files = log_files(folder)
    if not files:
        raise no_log(folder)
    begin, end = time_text(since) if since else "", time_text(until) if until else "~"
    holds = re.compile(b'"(?:%b)' % b"|".join(each.encode() for each in containing)).search if containing else None
    for place, (_, path) in enumerate(files):
        # Times never go back: if the next file begins before `since`, nothing in this one is wanted.
        if begin and place + 1 < len(files) and (following := _first(files[place + 1][1])) and following.at < begin:
            continue
        for number, raw in _whole_lines(path):
            if holds is not None and holds(raw) is None:
                continue
            line = parse(raw)
            if line is None:
                raise _altered(path, number)
            if line.at >= end:
                return
            if line.at >= begin and (not kinds or line.entry.kind in kinds):
                yield Found(line, path.name, number)


def last_line(folder: Path) -> Found:
    """The last whole line of a log: its head; `number` is that of the entry.

    Raises
    ------
    AuditError
        If there is no log, or its last line isn't what was written there.
    """
    for _, path in reversed(log_files(folder)):
        raw = _last_raw(path)
        if raw is not None:
            line = parse(raw)
            if line is None:
                raise _altered(path, None)
            return Found(line, path.name, line.n)
    raise no_log(folder)


def log_id(folder: Path) -> str | None:
    """The random id of a log; None where the first file that is there has no sound first line."""
    files = log_files(folder)
    line = _first(files[0][1]) if files else None
    return line.entry.log if line is not None and isinstance(line.entry, NewFile) else None


def no_log(folder: Path) -> AuditError:
    """There is nothing to read."""
    return AuditError(
        f"no log in {folder}",
        expected="a folder with audit-000001.jsonl, or a later one",
        remedy="name the folder: `--log` or SONOFORGE_AUDIT; the service writes it when it starts",
    )


def _whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, raw in enumerate(raw_lines(file), start=1):
            if raw.endswith(b"\n"):
                yield number, raw
            elif file.peek(1):
                raise _altered(path, number)


def _first(path: Path) -> Line | None:
    return next((parse(raw) for _, raw in _whole_lines(path)), None)


def _last_raw(path: Path) -> bytes | None:
    """The last whole line of a file, read from its end."""
    size_bytes, wanted_bytes = path.stat().st_size, TAIL_BYTES
    with path.open("rb") as file:
        while True:
            file.seek(max(0, size_bytes - wanted_bytes))
            tail = file.read(wanted_bytes)
            *lines, _ = tail.split(b"\n")
            # The first piece is whole only if it begins where the file does.
            whole = lines if size_bytes <= wanted_bytes else lines[1:]
            if whole:
                return whole[-1] + b"\n"
            if size_bytes <= wanted_bytes:
                return None
            wanted_bytes *= 8


def _altered(path: Path, number: int | None) -> AuditError:
    where = f"{path}, line {number}," if number is not None else f"the last line of {path}"
    return AuditError(
        f"{where} isn't what was written there",
        expected="an entry that its digest was made of",
        remedy=f"`sonoforge audit verify --log {path.parent}` says what else isn't",
    )
