"""What runs in a sandbox gets nothing from here, is measured, and ends with its starter."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from components.release.packing.sandbox import sandboxed

CHILD = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
STARTER = """
import sys, time
from components.release.packing.sandbox import sandboxed
with sandboxed([sys.executable, "-c", sys.argv[1]], environment={"MARK": sys.argv[2]}) as box:
    while "ready" not in box.last_words():
        time.sleep(0.05)
    print("ready", flush=True)
    time.sleep(60)
"""


def wait_for(sandbox, word: str) -> str:
    until_s = time.monotonic() + 30
    while word not in (said := sandbox.last_words()):
        assert time.monotonic() < until_s, said
        time.sleep(0.02)
    return str(said)


def test_it_has_a_home_of_its_own_and_no_environment(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("PYTHONPATH", str(root))
    code = "import os, sys; print(sorted(os.environ), os.getcwd(), os.listdir(), sys.path, 'ready')"
    with sandboxed([sys.executable, "-c", code], environment={"GIVEN": "1"}) as sandbox:
        said = wait_for(sandbox, "ready")
    assert "SECRET" not in said and "PYTHONPATH" not in said and str(root) not in said.replace(sys.prefix, "")
    assert "'GIVEN'" in said and "sonoforge-sandbox-" in said and " [] " in said


def test_it_and_all_that_it_started_are_measured_and_end(tmp_path: Path) -> None:
    code = CHILD + "held = bytearray(60_000_000); print('ready', flush=True); time.sleep(60)"
    with pytest.raises(RuntimeError, match="mine"), sandboxed([sys.executable, "-c", code], environment={}) as sandbox:
        wait_for(sandbox, "ready")
        time.sleep(0.2)
        tree = [one for one in psutil.Process().children(recursive=True) if "time.sleep(60)" in " ".join(one.cmdline())]
        raise RuntimeError("mine")
    assert len(tree) >= 2 and not any(_lives(one) for one in tree)
    assert 60_000_000 < sandbox.peak_memory_bytes < 2_000_000_000 and not sandbox.running


def test_it_ends_when_its_starter_is_killed(tmp_path: Path, root: Path) -> None:
    mark = tmp_path.name
    code = CHILD + f"print('ready', flush=True); time.sleep(60)  # {mark}"
    starter = subprocess.Popen([sys.executable, "-c", STARTER, code, mark], cwd=root, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None and starter.stdout.readline() == "ready\n"
    tree = psutil.Process(starter.pid).children(recursive=True)
    assert len(tree) >= 3
    starter.kill()
    starter.wait()
    until_s = time.monotonic() + 20
    while any(map(_lives, tree)):
        assert time.monotonic() < until_s
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody adopts who leaves its parent")
def test_neither_a_killed_keeper_nor_a_new_session_lets_a_process_escape() -> None:
    leaves = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)"
    middle = f"import subprocess, sys; {leaves}"
    code = (
        f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {middle!r}]); print('ready', flush=1); "
    )
    for killed, rest in ((False, "time.sleep(60)"), (True, "time.sleep(60)"), (False, "sys.exit(3)")):
        with sandboxed([sys.executable, "-c", code + rest], environment={}) as sandbox:
            wait_for(sandbox, "ready")
            keeper = psutil.Process(sandbox.session)
            tree = keeper.children(recursive=True)
            time.sleep(0.2)
            assert rest == "sys.exit(3)" or len(tree) == 2, "the keeper adopts who left"
            if killed:
                keeper.kill()
        assert not any(map(_lives, tree))


def test_what_a_broken_command_leaves_behind_is_ended_too() -> None:
    code = CHILD + "print('ready', flush=True); sys.exit(3)"
    with sandboxed([sys.executable, "-c", code], environment={}) as sandbox:
        wait_for(sandbox, "ready")
        until_s = time.monotonic() + 20
        while sandbox.running:
            assert time.monotonic() < until_s
            time.sleep(0.05)
        assert not [one for one in psutil.process_iter() if _is_of(one, sandbox.session)]


def _lives(process: psutil.Process) -> bool:
    # Who ended may stay a zombie for a while.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_of(process: psutil.Process, session: int) -> bool:
    try:
        return os.getsid(process.pid) == session and _lives(process)
    except (ProcessLookupError, PermissionError):
        return False
