"""One server for a whole pass: started once, found again, gone with the last who asked for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from components.artefacts import write_json
from components.tracking.address import ARTEFACTS, TRACKING
from pipelines.runtime import local_server
from pipelines.runtime.local_server import (
    ServerError,
    Services,
    _Keeper,
    databases_digest,
    door_process,
    ensure_services,
    is_door,
)
from pipelines.runtime.prefect_database import VARIABLES


@pytest.mark.parametrize(
    ("command", "is_one"),
    [
        ("/venv/bin/python3.11 /venv/bin/dvc repro", True),
        ("python -um dvc repro", True),
        ("python -X dev -m pipelines.cli run", True),
        ("/usr/bin/dvc repro", True),
        ("python -W error /venv/bin/sonoforge run", True),
        ("code /home/me/sonoforge", False),
        ("make -C sonoforge demo", False),
        ("git clone dvc", False),
        ("python -m pytest sonoforge", False),
        ("python -m pipelines.split", False),
        ("python -c pass dvc", False),
        ("python train.py dvc", False),
        ("python", False),
        ("", False),
    ],
)
def test_a_door_is_a_program_not_a_path_with_its_name(command: str, is_one: bool) -> None:
    assert is_door(command.split()) is is_one


@pytest.mark.parametrize("named", ["its own", "a newer keeper's"])
def test_a_keeper_that_retires_withdraws_no_address_but_its_own(tmp_path: Path, named: str) -> None:
    folder = tmp_path / ".prefect"
    (folder / "doors").mkdir(parents=True)
    address = folder / "server.json"
    keeper = os.getpid() if named == "its own" else os.getppid()
    write_json(address, asdict(Services("http://127.0.0.1:1/api", "socket", keeper, "")))
    assert _Keeper(tmp_path)._retire() is True
    assert address.exists() is (named != "its own")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Services of another run on the project's own databases, as its keeper wrote them down."""
    for name in ("PREFECT_API_URL", TRACKING, ARTEFACTS, *VARIABLES):
        monkeypatch.delenv(name, raising=False)
    services = Services("http://127.0.0.1:1/api", str(tmp_path), os.getpid(), databases_digest(os.environ))
    (tmp_path / ".prefect").mkdir()
    write_json(tmp_path / ".prefect/server.json", asdict(services))
    monkeypatch.setattr(local_server, "_healthy", lambda api_url: True)
    monkeypatch.setattr(local_server, "LEAVE_LIMIT_S", 0.0)
    return services


@pytest.mark.parametrize("name", [TRACKING, ARTEFACTS, *VARIABLES])
def test_no_run_writes_into_the_databases_of_another(
    name: str, kept: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ensure_services(tmp_path) == kept
    for mark in (tmp_path / ".prefect/doors").iterdir():
        mark.unlink()
    monkeypatch.setenv(name, "postgresql://me:hush@db.example/x")
    with pytest.raises(ServerError, match="other databases") as refused:
        ensure_services(tmp_path)
    assert "hush" not in str(refused.value) and "db.example" not in str(refused.value)
    assert not list((tmp_path / ".prefect/doors").iterdir()), "it would keep the other services alive"
    assert (tmp_path / ".prefect/server.json").exists(), "the other run still needs it"


def test_services_on_other_databases_may_end_meanwhile(
    kept: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRACKING, "postgresql://me:hush@db.example/x")
    monkeypatch.setattr(local_server, "LEAVE_LIMIT_S", 10.0)
    answers = iter([True, False])
    monkeypatch.setattr(local_server, "_healthy", lambda api_url: next(answers))
    monkeypatch.setattr(local_server, "_start", lambda root, folder: "started")
    assert ensure_services(tmp_path) == "started"


def test_databases_are_compared_without_their_addresses() -> None:
    address = "postgresql://me:hush@db/x"
    found = databases_digest({VARIABLES[1]: address, TRACKING: address})
    # Prefect hands the second of its names on to a flow run as the first.
    assert found == databases_digest({VARIABLES[0]: address, TRACKING: address, ARTEFACTS: ""})
    assert found != databases_digest({VARIABLES[0]: address, ARTEFACTS: address})
    assert len(found) == 64 and set(found) <= set("0123456789abcdef")


def test_without_a_graph_the_stage_itself_is_the_door() -> None:
    if any(is_door(process.cmdline()) for process in psutil.Process().parents()):
        pytest.skip("the tests themselves run below a graph")
    assert door_process().pid == os.getpid()


def test_the_topmost_dvc_is_the_door(tmp_path: Path, root: Path) -> None:
    script = tmp_path / "dvc"
    inner = "from pipelines.runtime.local_server import door_process; print(door_process().pid)"
    script.write_text(
        "import subprocess, sys, os; print(os.getpid(), flush=True)\n"
        f"subprocess.run([sys.executable, '-c', {inner!r}])",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(script)], cwd=root, capture_output=True, text=True, check=True)
    own, found = done.stdout.split()
    assert own == found


def test_the_services_live_as_long_as_their_doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / ".prefect"))
    # The keeper imports this project's packages from its folder, as in a clone.
    for package in ("components", "pipelines"):
        (tmp_path / package).symlink_to(Path(__file__).resolve().parents[3] / package)
    doors = [subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(2)]
    first = ensure_services(tmp_path, door=psutil.Process(doors[0].pid))
    started = time.monotonic()
    second = ensure_services(tmp_path, door=psutil.Process(doors[1].pid))
    assert second == first and time.monotonic() - started < 2
    with urllib.request.urlopen(f"{first.api_url}/health") as answer:
        assert json.load(answer) is True
    assert first.api_url.startswith("http://127.0.0.1:")
    _end(doors[0])
    time.sleep(2)
    assert psutil.pid_exists(first.keeper_pid), "the other door still needs it"
    _end(doors[1])
    until = time.monotonic() + 30
    while (tmp_path / ".prefect/server.json").exists() or Path(first.tracking_socket).exists():
        assert time.monotonic() < until
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.communicate(b"\n")
