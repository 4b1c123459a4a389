"""A log to whether it is what was written: every line, every link, every file, and its end.

One line is in memory at a time. A log that is being written may be verified meanwhile: its end is compared when it has
been reached. After a fault, the reading goes on behind it, so that one damage is one fault. What this can't show: that
somebody who may write folder and end wrote all of it anew, unless a head was kept elsewhere (`head`). What a crash
left half written is compared with the entry that says so. Leaves out: mending (nobody mends a log), and `.torn` files
that no entry names, which prove nothing.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from components.anchor import START, End, anchor_of, read_ends
from components.audit.entries import NewFile, Recovered
from components.audit.lines import MAX_LINE_BYTES, Line, file_name, log_files, parse, parse_unsealed

MAX_FAULTS = 100
CATCH_UP_TRIES = 200
PAUSE_S = 0.01
RESTORE = "keep what is there for whoever asks, and compare it with a backup; the log is no proof from here on"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that isn't as it was written: where, what was found and expected, and what to do."""

    file: str
    line: int | None
    found: str
    expected: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a log turned out to be: its id, entries and files, its last entry, and its faults in order.

    `more_faults` counts those after the first `MAX_FAULTS`. `since_head` is the number of entries after the head that
    was kept elsewhere; None where none was given or it wasn't found.
    """

    log: str | None
    entries: int
    files: int
    last: int
    head: str
    since_head: int | None
    faults: tuple[Fault, ...]
    more_faults: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether there is no fault."""
        return not self.faults


def verify(folder: Path, *, head: str | None = None, after: str | None = None) -> Verified:
    """Read a whole log and say whether it is what was written there.

    `head` is the digest of an entry that was kept elsewhere: the log must hold it. A folder without the file that says
    where the log ended, such as an archive, must end with it. `after` is the digest with which the files ended that
    were taken to an archive: the log here must go on from there.
    """
    folder = folder.resolve()
    walk = _Walk(folder, head=head, after=after)
    try:
        walk.go_on()
        _check_end(walk)
        _check_torn(walk)
    finally:
        walk.close()
    if head is not None and walk.head_at is None:
        walk.tell(None, None, f"no entry {head[:12]}", "the entry whose digest was kept elsewhere", RESTORE)
    since = None if walk.head_at is None else walk.n - walk.head_at
    return Verified(
        log=walk.log,
        entries=walk.entries,
        files=walk.files,
        last=walk.n,
        head=walk.digest or START,
        since_head=since,
        faults=tuple(walk.faults),
        more_faults=walk.more_faults,
    )


def _check_end(walk: _Walk) -> None:
    """Compare where the log ends with where it was left; goes on reading while somebody writes."""
    anchored = walk.folder / file_name(1)
    ends = read_ends(anchored)
    for _ in range(CATCH_UP_TRIES):
        if ends is None or ((walk.n, walk.digest) in ends and not walk.torn):
            break
        # A writer's line may be half there; the next look sees the rest of it, or a later end.
        time.sleep(PAUSE_S)
        before, more = ends, walk.go_on()
        ends = read_ends(anchored)
        if not more and ends == before:
            break
    if walk.torn:
        walk.tell(
            walk.file_number,
            walk.line + 1,
            "a line without its end",
            "whole lines",
            "start the service: it puts aside what a crash left half written, and enters that",
        )
    _tell_of_end(walk, ends, anchor_of(anchored).name)


def _check_torn(walk: _Walk) -> None:
    """What was put aside must be there as it was, unless the file that it was cut from was taken to an archive."""
    for line, entry, number in walk.recovered:
        path = walk.folder / entry.kept
        where = f"{entry.torn_bytes:,} bytes of the sha256 {entry.torn_sha256[:12]} in {entry.kept}"
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            if not (walk.folder / entry.file).exists():
                continue
            found = None
        if found != entry.torn_sha256:
            said = f"no {entry.kept}" if found is None else f"{entry.kept} of the sha256 {found[:12]}"
            walk.tell(number, line, said, f"what a crash left, {where}", "restore it from a backup")


def _tell_of_end(walk: _Walk, ends: tuple[End, ...] | None, anchor: str) -> None:
    found = f"the log ends with entry {walk.n}, {(walk.digest or 'unknown')[:12]}" if walk.entries else "no entry"
    if ends is None:
        if walk.head_at is not None and walk.head_at == walk.n:
            return
        said = f"no {anchor}, which says where the log ended" if walk.files else "no log"
        remedy = "restore it from the same backup; an archive is verified with the digest with which it ended: `--head`"
        walk.tell(None, None, said, "the log and its end", remedy if walk.files else "name the folder: `--log`")
    elif walk.digest is not None and (walk.n, walk.digest) not in ends:
        left = " or ".join(f"entry {n}, {digest[:12]}" for n, digest in ends[:3]) or "nobody knows where: it is broken"
        walk.tell(
            walk.file_number or None, walk.line or None, found, f"{anchor} says that it ended with {left}", RESTORE
        )


@dataclass(slots=True)
class _Walk:
    """How far a log was read, and what was found on the way."""

    folder: Path
    head: str | None
    after: str | None
    log: str | None = None
    n: int = 0
    digest: str | None = START
    """Of the entry before; None where a fault leaves it unknown."""
    at: str = ""
    entries: int = 0
    files: int = 0
    file_number: int = 0
    line: int = 0
    torn: bool = False
    head_at: int | None = None
    recovered: list[tuple[int, Recovered, int]] = field(default_factory=list)
    """What crashes left: the line that says so, what it says, and the number of its file."""
    faults: list[Fault] = field(default_factory=list)
    more_faults: int = 0
    _file: BinaryIO | None = None

    def go_on(self) -> bool:
        """Read all whole lines that are there and weren't read yet; whether there were any."""
        before = (self.entries, self.file_number, self.line)
        while True:
            if self._file is not None:
                self._read_file(self._file)
            # A file that was left behind gets no more lines, but may have got some since it was read.
            following = next(((n, path) for n, path in log_files(self.folder) if n > self.file_number), None)
            if following is None:
                return before != (self.entries, self.file_number, self.line)
            if self._file is not None:
                self._read_file(self._file)
                if self.torn:
                    self.tell(self.file_number, self.line + 1, "a line without its end", "whole lines", RESTORE)
                    self.torn = False
            self._begin(*following)

    def close(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def tell(self, number: int | None, line: int | None, found: str, expected: str, remedy: str) -> None:
        """Note a fault."""
        if len(self.faults) < MAX_FAULTS:
            name = file_name(number) if number else self.folder.name
            self.faults.append(Fault(name, line, found, expected, remedy))
        else:
            self.more_faults += 1

    def _begin(self, number: int, path: Path) -> None:
        expected = self.file_number + 1
        if not self.files and self.after is not None:
            self.digest = self.after
        elif number != expected:
            gone = file_name(expected) + (f" to {file_name(number - 1)}" if number > expected + 1 else "")
            self.tell(
                expected,
                None,
                f"{gone}: not here",
                "all files of the log",
                "put back what was taken to an archive; or say with which digest that ended: `--after DIGEST`",
            )
            self.digest = None
        self.close()
        self._file = path.open("rb")
        self.file_number, self.line, self.files = number, 0, self.files + 1

    def _read_file(self, file: BinaryIO) -> None:
        self.torn = False
        while raw := file.readline(MAX_LINE_BYTES):
            if not raw.endswith(b"\n"):
                if len(raw) < MAX_LINE_BYTES:
                    file.seek(-len(raw), 1)
                    self.torn = True
                    return
                self._skip(file)
            self.line += 1
            self._check(raw)

    def _skip(self, file: BinaryIO) -> None:
        """Go to the end of a line that is longer than any entry."""
        while (raw := file.readline(MAX_LINE_BYTES)) and not raw.endswith(b"\n"):
            pass

    def _check(self, raw: bytes) -> None:
        sealed = parse(raw)
        line = sealed or parse_unsealed(raw)
        self.entries += 1
        if line is None:
            self._fault("no entry", "an entry of schema 1")
            self.n, self.digest = self.n + 1, None
            return
        if sealed is None:
            # Which of content and digest was changed nobody can tell, so the next line's link isn't judged either.
            self._fault(f"entry {line.n} isn't what its digest was made of", f"the line sealed as {line.digest[:12]}")
        elif self.digest is not None:
            self._check_link(line)
        self._check_place(line)
        self.n, self.at = line.n, line.at
        self.digest = line.digest if sealed is not None else None
        if sealed is not None and line.digest == self.head:
            self.head_at = line.n

    def _check_link(self, line: Line) -> None:
        first_after_archive = self.entries == 1 and self.after is not None
        follows = line.previous == self.digest and (line.n == self.n + 1 or first_after_archive)
        if not follows:
            self._fault(
                f"entry {line.n}, which follows {line.previous[:12]}",
                f"entry {self.n + 1}, which follows {(self.digest or '')[:12]}: a line was changed, removed, added or "
                "moved",
            )
        elif line.at < self.at:
            self._fault(f"entry {line.n} of {line.at}", f"no time before that of the line before, {self.at}")

    def _check_place(self, line: Line) -> None:
        """The first line of a file, and none but it, says that the file begins, and of which log it is."""
        entry = line.entry
        if (self.line == 1) != isinstance(entry, NewFile):
            self._fault(f"an entry of kind {entry.kind}", "the first line, and no other, says that the file begins")
        elif isinstance(entry, NewFile):
            if entry.file != self.file_number or entry.log != (self.log or entry.log):
                self._fault(
                    f"file {entry.file} of the log {entry.log[:8]}",
                    f"file {self.file_number} of the log {(self.log or entry.log)[:8]}",
                )
            self.log = self.log or entry.log
        elif isinstance(entry, Recovered):
            self.recovered.append((self.line, entry, self.file_number))

    def _fault(self, found: str, expected: str) -> None:
        self.tell(self.file_number, self.line, found, expected, RESTORE)
