"""One release at a time: whoever appends to a project's ledger or moves a released model holds this lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from components.release.records.ledger import RELEASED


@contextmanager
def release_lock(root: Path) -> Iterator[None]:
    """Hold the lock of the project at `root`; waits for whoever holds it."""
    (root / RELEASED).mkdir(parents=True, exist_ok=True)
    with FileLock(root / RELEASED / ".release.lock"):
        yield
