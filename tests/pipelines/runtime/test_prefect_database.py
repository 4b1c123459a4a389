"""What the environment names is tried before anything waits for it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil
import pytest

from components.errors import StoreError
from pipelines.runtime import local_server
from pipelines.runtime.local_server import ServerError, ensure_services
from pipelines.runtime.prefect_database import VARIABLES, one_start, shared_database


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a port that nobody listens on; the environment names nothing."""
    for name in ("PREFECT_API_URL", *VARIABLES):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"me:hush@127.0.0.1:{probe.getsockname()[1]}"


def test_a_named_server_that_doesnt_answer_is_said(
    nobody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"http://{nobody}/api")
    monkeypatch.setattr(local_server, "ANSWER_LIMIT_S", 0.5)
    with pytest.raises(ServerError, match="PREFECT_API_URL") as refused:
        ensure_services(tmp_path, door=psutil.Process())
    assert "me:***@127.0.0.1" in refused.value.found and "hush" not in str(refused.value)


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_named_database_that_doesnt_answer_is_said(
    variable: str, nobody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"postgresql://{nobody}/prefect")
    with pytest.raises(StoreError, match="refused") as refused:
        ensure_services(tmp_path, door=psutil.Process())
    assert "hush" not in str(refused.value)
    assert not (tmp_path / ".prefect/server.log").exists(), "nothing was started"


def test_only_postgresql_is_a_shared_database(nobody: str) -> None:
    assert shared_database({}) is None
    assert shared_database({VARIABLES[0]: "sqlite+aiosqlite:////x.db"}) is None
    assert shared_database({VARIABLES[1]: "postgresql://me@db/x"}) == "postgresql+asyncpg://me@db/x"
    with one_start(os.environ) as variables:
        assert variables == {}
