"""Wrong credentials, counted for each address: over the limit an address isn't told any more what was wrong.

A valid token always passes, so that nobody is locked out by whoever shares an address; tokens are too long to guess.
Leaves out: what credentials are wrong (tokens.py, proxy.py).
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

WINDOW_S = 60.0
MAX_ADDRESSES = 10_000


class Attempts:
    """Failures of each address within a minute; of at most `MAX_ADDRESSES` addresses, the latest."""

    def __init__(self, *, per_minute: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock_s = per_minute, clock_s
        self._begun: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def fail(self, address: str | None) -> int:
        """Count a failure; returns in how many seconds the address may fail again, 0 while it may now."""
        key, now_s = _key(address), self._clock_s()
        begun_s, count = self._begun.pop(key, (now_s, 0))
        if now_s - begun_s >= WINDOW_S:
            begun_s, count = now_s, 0
        self._begun[key] = (begun_s, count + 1)
        if len(self._begun) > MAX_ADDRESSES:
            self._begun.popitem(last=False)
        return 0 if count < self._per_minute else max(1, int(begun_s + WINDOW_S - now_s))

    def __len__(self) -> int:
        return len(self._begun)


def _key(address: str | None) -> str:
    """An address; of IPv6 the /64 that a subscriber has, else one machine could have any number of them."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
