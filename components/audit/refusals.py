"""Refused requests to few entries: whoever has no right to ask can't fill the disk with the record of it.

The first refusal of a kind is entered at once, those that follow are counted and entered together, at most one entry in
`every_s` seconds for each code and known person. A thread enters what was counted when its time has come, whether or
not anybody is refused again; it's there only while something waits. Leaves out: who is refused (serving).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from components.audit.entries import Refused
from components.audit.log import AuditLog
from components.errors import AuditError

EVERY_S = 60.0
logger = logging.getLogger(__name__)

_Key = tuple[str, str | None]
_Counts = dict[_Key, int]


class Refusals:
    """_Counts refusals and enters them; may be shared by any number of threads.

    `look_s` is how often it is looked what may be entered, by the real clock; `every_s` counts by `clock_s`.
    """

    def __init__(
        self,
        log: AuditLog,
        *,
        every_s: float = EVERY_S,
        look_s: float | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._every_s, self._clock_s = log, every_s, clock_s
        self._look_s = every_s if look_s is None else look_s
        self._lock = threading.Lock()
        self._counts: dict[_Key, int] = {}
        self._entered_s: dict[_Key, float] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, code: str, *, who: str | None = None) -> None:
        """Count a refusal by its error code; `who` only where the service knows the person.

        Raises
        ------
        AuditError
            If it can't be entered; it is counted all the same, and entered as soon as it can be.
        """
        key = (code, who)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1
            taken = self._take([key] if self._is_due(key) else [])
            if not taken:
                self._watch()
        self._enter(taken)

    def flush(self) -> None:
        """Enter all that was counted, however lately the last entry was made.

        Raises
        ------
        AuditError
            If it can't be entered; the counts are kept.
        """
        with self._lock:
            taken = self._take(list(self._counts))
        self._enter(taken)

    def close(self) -> None:
        """Enter all that was counted, and end the thread.

        Raises
        ------
        AuditError
            If it can't be entered.
        """
        self._closed.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()
        self.flush()

    def _is_due(self, key: _Key) -> bool:
        entered_s = self._entered_s.get(key)
        return entered_s is None or self._clock_s() - entered_s >= self._every_s

    def _take(self, keys: Sequence[_Key]) -> _Counts:
        """What was counted of these, which is to be entered now; the caller holds the lock."""
        for key in keys:
            self._entered_s[key] = self._clock_s()
        return {key: self._counts.pop(key) for key in keys}

    def _enter(self, counts: _Counts) -> None:
        """Enter counts; those that can't be entered wait again."""
        waiting = dict(counts)
        try:
            for (code, who), times in counts.items():
                self._log.append(Refused(code=code, who=who, times=times))
                del waiting[code, who]
        finally:
            if waiting:
                with self._lock:
                    for key, times in waiting.items():
                        self._counts[key] = self._counts.get(key, 0) + times
                    self._watch()

    def _watch(self) -> None:
        """Let a thread enter what waits, if none does already; the caller holds the lock."""
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(target=self._keep_entering, name="sonoforge-refusals", daemon=True)
            self._thread.start()

    def _keep_entering(self) -> None:
        while not self._closed.wait(self._look_s):
            with self._lock:
                if not self._counts:
                    self._thread = None
                    return
                taken = self._take([key for key in self._counts if self._is_due(key)])
            try:
                self._enter(taken)
            except AuditError as error:
                # They are kept, and tried again: a full disk may get room.
                logger.error("refusals couldn't be entered: %s", error)
