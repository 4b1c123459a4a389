"""Addresses that only this machine reaches, and where a process listens.

Leaves out: what follows from that (gate.py).
"""

from __future__ import annotations

import ipaddress

import psutil


def is_loopback(host: str | None) -> bool:
    """Whether an address, or the name `localhost`, can be reached from this machine only."""
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def is_address(host: str) -> bool:
    """Whether a host is written as an address, not as a name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def listening() -> tuple[str, ...]:
    """The addresses of the TCP sockets on which this process listens, those that it inherited included."""
    found = psutil.Process().net_connections(kind="tcp")
    return tuple(sorted({each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN and each.laddr}))
