"""A fault of the system (a full disk, a path without rights, a folder in a file's place) to what its user can do.

Leaves out: faults that only we can mend, and those whose path the system doesn't name.
"""

from __future__ import annotations

import errno

from components.errors import SonoForgeError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
MAX_SHOWN = 300
# What a process may have at most, and the shell's option that says how much.
LIMITS = {
    errno.EMFILE: ("fewer open files than this process may have", "ulimit -n"),
    errno.ENFILE: ("fewer open files than this machine may have", "sysctl fs.file-max"),
    errno.EFBIG: ("files no larger than this process and its disk allow", "ulimit -f"),
}
# What a path or its place can do to any command, where the system names the path.
REFUSED = {
    errno.EACCES: "a path that this user may read, or write to",
    errno.EPERM: "a path that this user may change",
    errno.EROFS: "a disk that can be written to",
    errno.ENAMETOOLONG: "a path whose parts are no longer than the disk allows",
    errno.ENOENT: "files that stay where they are while a command works",
    errno.ENOTDIR: "folders that stay where they are while a command works",
    errno.EISDIR: "a file, where there is a folder",
    errno.EEXIST: "a path that is still free, or a folder, where there is a file",
    errno.ENOTEMPTY: "a folder that nobody else writes to meanwhile",
    errno.EIO: "a disk that can be read",
    errno.ESTALE: "files that stay where they are while a command works",
}


def told(error: OSError) -> SonoForgeError | None:
    """What to say of a fault of the system; None where its user can't do anything about it."""
    if error.errno in DISK_FULL:
        return _disk_full(error)
    if error.errno in LIMITS:
        return _over_limit(error, *LIMITS[error.errno])
    if error.errno not in REFUSED or not isinstance(error.filename, str):
        return None
    return SonoForgeError(
        f"{_cut(error.filename)}: {error.strerror}",
        expected=REFUSED[error.errno],
        remedy="look at that path: its name, its rights, whether it is still there; then give the same command again",
    )


def _over_limit(error: OSError, expected: str, shown_by: str) -> SonoForgeError:
    place = f"{_cut(error.filename)}: " if isinstance(error.filename, str) else ""
    return SonoForgeError(
        f"{place}{error.strerror}",
        expected=expected,
        remedy=f"raise the limit (`{shown_by}` shows it), then give the same command again",
    )


def _cut(path: str) -> str:
    text = ascii(path)[1:-1] if not path.isprintable() else path
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _disk_full(error: OSError) -> SonoForgeError:
    place = f" for {error.filename}" if error.filename else ""
    return SonoForgeError(
        f"no space is left{place} ({error.strerror})",
        expected="room on the disk, and within the user's quota",
        remedy="free some space (`dvc gc --workspace` drops old versions), then give the same command again; no "
        "file was left half-written under its name",
    )
