"""Two records to what became slower, as ratios: this machine's and one that was kept.

Milliseconds of two machines say nothing of the code; the speed-up against the reference in the same run says a little,
since processors differ in what they are good at. So the limits are wide, and what comes out are warnings. Leaves out:
any verdict.
"""

from __future__ import annotations

from dataclasses import dataclass

from components.evaluation.benchmarking.record import Record

SLOWER = 2.0
"""By so many times a speed-up must have shrunk, beyond the spread of both, to be told."""
MORE_MEMORY = 1.5
"""By so many times memory must have grown to be told."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A part of a variant whose speed-up shrank, or the memory of one, which grew."""

    key: str
    what: str
    kept: float
    found: float

    def __str__(self) -> str:
        return f"{self.key}: {self.what} {self.found:.3g}, where {self.kept:.3g} was kept"


@dataclass(frozen=True, slots=True)
class Compared:
    """How many figures stand in both records, and those to look at."""

    figures: int
    notices: tuple[Notice, ...]


def compare(found: Record, kept: Record) -> Compared:
    """Hold a record against one that was kept, figure by figure where both have one."""
    before = {row.key: row for row in kept.rows}
    figures, notices = 0, []
    for row in found.rows:
        other = before.get(row.key)
        if other is None:
            continue
        for times in row.times:
            then = other.part(times.part)
            if then is None or then.speed_up is None or times.speed_up is None:
                continue
            figures += 1
            # The best of the one against the worst of the other: what noise alone can do isn't told.
            if times.speed_up.p90 * SLOWER < then.speed_up.p10:
                what = f"{times.part}, times as fast as the reference,"
                notices.append(Notice(row.key, what, then.speed_up.median, times.speed_up.median))
        if row.memory is not None and other.memory is not None:
            figures += 1
            if row.memory.running_mib > MORE_MEMORY * other.memory.running_mib:
                notices.append(Notice(row.key, "memory in MiB", other.memory.running_mib, row.memory.running_mib))
    return Compared(figures, tuple(notices))
