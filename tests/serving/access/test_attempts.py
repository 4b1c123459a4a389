"""Failures are counted for each address, in bounded memory."""

from __future__ import annotations

from serving.access import attempts
from serving.access.attempts import Attempts


def test_over_the_limit_an_address_waits_until_the_minute_is_over() -> None:
    now_s = 100.0
    counted = Attempts(per_minute=3, clock_s=lambda: now_s)
    assert [counted.fail("10.0.0.1") for _ in range(4)] == [0, 0, 0, 60]
    assert counted.fail("10.0.0.2") == 0, "another address isn't concerned"
    now_s = 145.0
    assert counted.fail("10.0.0.1") == 15
    now_s = 160.0
    assert counted.fail("10.0.0.1") == 0


def test_an_ipv6_subscriber_is_one_address() -> None:
    counted = Attempts(per_minute=1)
    assert counted.fail("2001:db8::1") == 0
    assert counted.fail("2001:db8::ffff:1") > 0
    assert counted.fail("2001:db8:0:1::1") == 0


def test_memory_is_bounded() -> None:
    counted = Attempts(per_minute=1)
    for number in range(attempts.MAX_ADDRESSES + 500):
        counted.fail(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(counted) == attempts.MAX_ADDRESSES
    for address in (None, "", "nonsense"):
        counted.fail(address)
    assert counted.fail("other nonsense") > 0, "what is no address is counted as one"
