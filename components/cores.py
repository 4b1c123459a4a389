"""How many processor cores this process may use. Leaves out: what they are (promptable/runtimes/machine.py)."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Cores that this process may use; all of the machine's on a system that ties no process to some."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
