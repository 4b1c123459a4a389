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
from pipelines.runtime.local_server import Services, _Keeper, door_process, ensure_services, is_door


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
    write_json(address, asdict(Services("http://127.0.0.1:1/api", "socket", keeper)))
    assert _Keeper(tmp_path)._retire() is True
    assert address.exists() is (named != "its own")


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
