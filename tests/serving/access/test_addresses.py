"""Addresses of this machine, and where this process listens."""

from __future__ import annotations

import socket

import pytest

from serving.access.addresses import is_address, is_loopback, listening


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST", "::ffff:127.0.0.1"]
)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", [None, "", "0.0.0.0", "::", "10.0.0.1", "localhost.evil.com", "127.0.0.1.evil.com", "2130706433", "0x7f.1"]
)
def test_any_other(host: str | None) -> None:
    assert not is_loopback(host)


def test_addresses_and_names() -> None:
    assert is_address("10.0.0.1") and is_address("[fe80::1]") and not is_address("localhost")


def test_where_this_process_listens() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.3", 0))
        assert "127.0.0.3" not in listening()
        server.listen()
        assert "127.0.0.3" in listening()
