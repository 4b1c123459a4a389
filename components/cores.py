"""What this process computes on: how many cores it may use, and of which processor.

Leaves out: what else a time or a choice belongs to (promptable/runtimes/machine.py).
"""

from __future__ import annotations

import os
import platform
from pathlib import Path


def usable_cores() -> int:
    """Cores that this process may use; all of the machine's on a system that ties no process to some."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_processor() -> str:
    """The processor's name, and, where the system tells, what it can compute with: virtual ones share their names."""
    name, flags = read_processor()
    kinds = sorted(flag for flag in flags if flag.startswith(("avx", "amx", "fma")))
    return f"{name} {' '.join(kinds)}".strip()


def read_processor() -> tuple[str, frozenset[str]]:
    """The processor's name, and what it can do in the system's words; nothing where the system doesn't tell."""
    told = Path("/proc/cpuinfo")
    found: dict[str, str] = {}
    for line in told.read_text(encoding="utf-8").splitlines() if told.is_file() else ():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    name = found.get("model name") or found.get("Model") or platform.processor() or platform.machine()
    return name, frozenset((found.get("flags") or found.get("Features") or "").split())
