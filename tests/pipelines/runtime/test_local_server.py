"""One server for a whole pass: started once, found again, gone with the last who asked for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from pipelines.runtime.local_server import door_process, ensure_services


def test_without_a_graph_the_stage_itself_is_the_door() -> None:
    names = {Path(word).name for process in psutil.Process().parents() for word in process.cmdline()[:3]}
    if names & {"dvc", "sonoforge"}:
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
