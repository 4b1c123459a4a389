"""Refused requests to few entries: whoever has no right to ask can't fill the disk with the record of it.

The first refusal of a kind is entered at once, those that follow are counted and entered together, at most one entry in
`every_s` seconds for each code and known person. Leaves out: who is refused (serving).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from components.audit.entries import Refused
from components.audit.log import AuditLog

EVERY_S = 60.0


class Refusals:
    """Counts refusals and enters them; may be shared by any number of threads."""

    def __init__(
        self, log: AuditLog, *, every_s: float = EVERY_S, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._every_s, self._clock_s = log, every_s, clock_s
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str | None], int] = {}
        self._entered_s: dict[tuple[str, str | None], float] = {}

    def note(self, code: str, *, who: str | None = None) -> None:
        """Count a refusal by its error code; `who` only where the service knows the person.

        Raises
        ------
        AuditError
            If it can't be entered.
        """
        key = (code, who)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1
            now_s = self._clock_s()
            entered_s = self._entered_s.get(key)
            if entered_s is not None and now_s - entered_s < self._every_s:
                return
            self._entered_s[key] = now_s
            times = self._counts.pop(key)
        self._log.append(Refused(code=code, who=who, times=times))

    def flush(self) -> None:
        """Enter what was counted; for the end of the service, and from time to time.

        Raises
        ------
        AuditError
            If it can't be entered.
        """
        with self._lock:
            counts, self._counts = self._counts, {}
        for (code, who), times in counts.items():
            self._log.append(Refused(code=code, who=who, times=times))
