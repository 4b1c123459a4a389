"""What is said of a log that can't be written: found, expected, what to do."""

from __future__ import annotations

from pathlib import Path

from components.anchor import End, anchor_of
from components.errors import AuditError


def unwritable(folder: Path, error: OSError) -> AuditError:
    """The system refused: no room, no right."""
    return AuditError(
        f"the log {folder} can't be written: {error.strerror or error}",
        expected="a folder with room to write, whose parent folder is writable, too",
        remedy="make room or mend the rights; until then no prediction may be given",
    )


def in_use(folder: Path) -> AuditError:
    """Another process, or another part of this one, has it open."""
    return AuditError(
        f"another process writes the log {folder}",
        expected="one process that writes it",
        remedy="stop the other service, or give each its own folder: SONOFORGE_AUDIT",
    )


def forked(folder: Path) -> AuditError:
    """The thread that writes stayed with the parent."""
    return AuditError(
        f"the log {folder} was opened by another process, before a fork",
        expected="one process that opens and writes it",
        remedy="open the log in the process that writes it",
    )


def closed(folder: Path) -> AuditError:
    """It was closed, or what writes it ended."""
    return AuditError(f"the log {folder} is closed", expected="an open log", remedy="start the service again")


def changed(path: Path, expected: str) -> AuditError:
    """Somebody else was at a file that is open here."""
    return AuditError(
        f"{path} was changed by somebody else while the log was open",
        expected=expected,
        remedy=f"see what is there: `sonoforge audit verify --log {path.parent}`; then start the service again",
    )


def broken(path: Path, found: str) -> AuditError:
    """A file's lines aren't those that were written."""
    return AuditError(
        f"{path}: {found}",
        expected="an unbroken chain of entries",
        remedy=f"`sonoforge audit verify --log {path.parent}` says where; restore {path.parent} and "
        f"{anchor_of(path).name} from one backup, or move both away, keep them for whoever asks, and begin anew",
    )


def misplaced(anchored: Path, end: End | None, ends: tuple[End, ...] | None) -> AuditError:
    """The lines are sound, but they don't end where they were left."""
    folder, anchor = anchored.parent, anchor_of(anchored).name
    found = f"ends with entry {end[0]}, {end[1][:12]}" if end is not None else "holds no entry"
    if ends:
        left = "says that it ended with " + " or ".join(f"entry {n}, {digest[:12]}" for n, digest in ends[:3])
    else:
        left = "is gone" if ends is None else "is broken"
    return AuditError(
        f"the log {folder} {found}; {anchor} beside it {left}",
        expected="the log as it was left, whole and none but its own",
        remedy=f"restore {folder} and {anchor} from one backup; or, if what is there is right, accept it: "
        '`sonoforge audit accept --reason "…"`',
    )


def nothing_to_accept(folder: Path) -> AuditError:
    """The log is as it was left."""
    return AuditError(
        f"the log {folder} ends where it was left",
        expected="a log that doesn't",
        remedy="nothing: there is nothing to accept",
    )
