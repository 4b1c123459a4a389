"""A clock that goes when it is told to, and waiting for what other threads do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Clock:
    """Seconds, as `time.monotonic`."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def until(true: Callable[[], bool], *, limit_s: float = 20.0) -> None:
    """Give way to other threads until something is true."""
    end_s = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0)
