"""Requests that are refused now and may be answered later: too many wait, or one waited too long.

Leaves out: HTTP statuses (serving/http/refusals.py).
"""

from __future__ import annotations

import math

from components.errors import SonoForgeError

LEAST_S, MOST_S = 1, 60
"""No client is asked to come back sooner or later than this."""


class LaterError(SonoForgeError):
    """A request that wasn't begun, and may be answered when it is sent again after `retry_after_s` seconds."""

    def __init__(self, found: str, *, expected: str, retry_after_s: float) -> None:
        self.retry_after_s = bounded_s(retry_after_s)
        super().__init__(found, expected=expected, remedy=f"send it again in {self.retry_after_s} s")

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _rebuild, (type(self), self.found, self.expected, self.retry_after_s)


class BusyError(LaterError):
    """As many requests wait as may."""


class TooSlowError(LaterError):
    """A request that has waited, or taken, as long as it may."""


def bounded_s(seconds: float) -> int:
    """A whole number of seconds to wait, rounded up, from `LEAST_S` to `MOST_S`."""
    return math.ceil(min(max(seconds, LEAST_S), MOST_S))


def _rebuild(kind: type[LaterError], found: str, expected: str, retry_after_s: float) -> LaterError:
    return kind(found, expected=expected, retry_after_s=retry_after_s)
