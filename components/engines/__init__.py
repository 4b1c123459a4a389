"""A function over many items, done where the run's parameters say: by threads of this process, or on a Ray cluster.

Whoever has many items takes an `Engine` and asks it for the results, which come in the items' order and are the same
whichever engine made them. What is handed to an engine may be carried to another machine: functions hold names of
files, numbers and models, never open files, journals or locks, and items name files instead of holding pixels. Leaves
out: what is done with an item, and keeping results (components/journal.py), which stays with the one who asks.
"""

from __future__ import annotations

from components.engines.engine import Engine, Needs, Progress, Unknown
from components.engines.threads import ONE_THREAD, Threads
from components.params import EngineParams

__all__ = ["ONE_THREAD", "Engine", "Needs", "Progress", "Threads", "Unknown", "engine_of"]


def engine_of(params: EngineParams, *, workers: int) -> Engine:
    """The engine that the parameters name; `workers` is the number of threads where it is this process."""
    if params.name == "threads":
        return Threads(workers)
    from components.engines.cluster import OnRay  # imports Ray only when there is work

    return OnRay(params)
