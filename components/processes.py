"""A process to its mark, which no other process has; in the environment of others, it says who started them.

Numbers of processes come round again; as long as the machine runs, a number with the time of its start doesn't. Leaves
out: ending processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import psutil


def mark(process: psutil.Process) -> str:
    """A process's own name: its number and its start, in seconds since the machine's.

    Raises
    ------
    psutil.NoSuchProcess
        If it is gone.
    """
    # Seconds since 1970 would be others once the clock is set: both times move with it. (psutil keeps the first of them
    # for an object, so it is one made just now.)
    return f"{process.pid}-{process.create_time() - psutil.boot_time():.2f}"


def lives(marked: str) -> bool:
    """Whether the process of a mark still runs. One that has ended is gone, also while its parent hasn't asked for it.

    Raises
    ------
    ValueError
        If it is no mark.
    """
    try:
        process = psutil.Process(int(marked.partition("-")[0]))
        return mark(process) == marked and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def started_here(variable: str) -> Iterator[psutil.Process]:
    """Processes that were started with this one's mark in an environment variable, wherever they hang now."""
    own = mark(psutil.Process())
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(variable) == own and process.pid != os.getpid():
                yield process
