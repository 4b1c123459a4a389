"""The service doesn't start where it would be open to others, whoever starts it."""

from __future__ import annotations

import click
import pytest

from components.errors import AccessError
from serving import service


def test_the_framework_is_told_before_it_starts_workers() -> None:
    with click.Context(click.Command("serve")) as command:
        for host in ("0.0.0.0", "::", "192.168.1.7"):
            command.params = {"host": host}
            with pytest.raises(AccessError, match="asks nobody for a name"):
                service.SonoForge.inner.refuse_early()
        for host in ("127.0.0.1", "::1", None):
            command.params = {"host": host}
            service.SonoForge.inner.refuse_early()


def test_a_worker_looks_at_the_sockets_that_it_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "listening", lambda: ("0.0.0.0",))
    with pytest.raises(AccessError, match=r"would listen on 0\.0\.0\.0"):
        service.SonoForge.inner()
