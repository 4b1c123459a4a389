"""A log's folder to where its next line goes: the end is checked, and what a crash left half written is put aside.

Only the last file is read, so that a long log opens as fast as a short one; `verifying.py` reads all of them. Leaves
out: writing lines (tail.py).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from components.anchor import START, End, read_ends, sync_folder
from components.artefacts import replacing
from components.audit.entries import NewFile, Recovered
from components.audit.faults import broken, misplaced
from components.audit.lines import file_name, log_files, parse, raw_lines

MAX_TORN_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a log ends: its random id, the last file and its bytes, the last entry's number, digest and time."""

    log: str
    file: int
    size_bytes: int
    n: int
    digest: str
    at: str

    @property
    def end(self) -> End:
        """As it is kept beside the folder."""
        return self.n, self.digest


@dataclass(frozen=True, slots=True)
class Opened:
    """What a folder holds: the end of its log, None before the first line; what was put aside; where it was left."""

    tip: Tip | None
    recovered: Recovered | None
    ends: tuple[End, ...] | None
    fits: bool


def open_folder(folder: Path, *, accept: bool = False) -> Opened:
    """Find the end of a log, and move what a crash left behind it into a `.torn` file; the caller holds the lock.

    With `accept`, an end that isn't the one where the log was left is taken for what it is.

    Raises
    ------
    AuditError
        If lines of the last file were changed, or, without `accept`, it doesn't end where it was left.
    """
    ends = read_ends(folder / file_name(1))
    files = log_files(folder)
    tip = _tip(*files[-1]) if files else None
    torn_file = files[-1] if files else None
    if files and tip is None and len(files) > 1:
        # The last file was begun, and a crash came before its first line.
        tip = _tip(*files[-2])
        if tip is None or tip.size_bytes != files[-2][1].stat().st_size:
            raise broken(files[-2][1], "lines are no entries")
    fits = _fits(tip, ends)
    if not fits and not accept:
        raise misplaced(folder / file_name(1), tip.end if tip is not None else None, ends)
    recovered = _put_aside(torn_file, tip, ends) if torn_file is not None else None
    return Opened(tip, recovered, ends, fits)


def _fits(tip: Tip | None, ends: tuple[End, ...] | None) -> bool:
    if ends is None:
        return tip is None
    return (tip.end if tip is not None else (0, START)) in ends


def _tip(number: int, path: Path) -> Tip | None:
    """The end of the sound lines with which a file begins; None if there is none."""
    tip: Tip | None = None
    with path.open("rb") as file:
        for raw in raw_lines(file):
            line = parse(raw)
            if line is None:
                break
            if tip is None:
                if not isinstance(line.entry, NewFile) or line.entry.file != number:
                    raise broken(path, "the first line doesn't say that this file begins")
                tip = Tip(line.entry.log, number, 0, line.n, line.digest, line.at)
            elif (line.n, line.previous) != (tip.n + 1, tip.digest):
                break
            tip = Tip(tip.log, number, tip.size_bytes + len(raw), line.n, line.digest, line.at)
    return tip


def _put_aside(last: tuple[int, Path], tip: Tip | None, ends: tuple[End, ...] | None) -> Recovered | None:
    """Move what follows the sound lines of the last file into a file of its own, if a crash can have left it."""
    number, path = last
    kept_bytes = tip.size_bytes if tip is not None and tip.file == number else 0
    with path.open("rb") as file:
        file.seek(kept_bytes)
        torn = file.read(MAX_TORN_BYTES + 1)
    # Whole lines that aren't sound can only be pages that a power cut lost of lines that nobody was told of.
    coming = max((n for n, _ in ends or ()), default=0) > (tip.n if tip is not None else 0)
    if len(torn) > MAX_TORN_BYTES or (b"\n" in torn and not coming):
        raise broken(path, f"after byte {kept_bytes:,} it isn't what was written there")
    recovered = None
    if torn:
        sha256 = hashlib.sha256(torn).hexdigest()
        beside = path.with_name(f"{path.stem}.{sha256[:12]}.torn")
        with replacing(beside) as writing, writing.open("wb") as file:
            file.write(torn)
            file.flush()
            os.fsync(file.fileno())
        recovered = Recovered(file=path.name, torn_bytes=len(torn), torn_sha256=sha256, kept=beside.name)
        sync_folder(path.parent)
        os.truncate(path, kept_bytes)
    if kept_bytes == 0:
        path.unlink()
        sync_folder(path.parent)
    return recovered
