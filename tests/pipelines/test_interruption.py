"""`sonoforge run` passes an interruption on to DVC and the stage, once, whoever it was sent to."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipelines.conftest import DEAF

# In DVC's place: deaf while its stage runs, as DVC is, and the stage notes every interruption that it hears.
DVC = """
import signal, subprocess, sys
from pathlib import Path

STAGE = '''
import signal, time
from pathlib import Path

def hear(*_):
    with Path("heard").open("a") as file:
        file.write("x")

signal.signal(signal.SIGINT, hear)
Path("ready").touch()
until = time.monotonic() + 20
while not Path("heard").exists() and time.monotonic() < until:
    time.sleep(0.05)
time.sleep(0.5)
Path("closed").touch()
'''
print("Running stage 'finetune':", flush=True)
signal.signal(signal.SIGINT, signal.SIG_IGN)
subprocess.run([sys.executable, "-c", STAGE])
sys.exit(1)
"""


@pytest.fixture
def started(tmp_path: Path, root: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start `sonoforge run` in a group of its own; returns when the stage runs."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(root / name, tmp_path)
    (tmp_path / "dvc.py").write_text(DVC, encoding="utf-8")

    def start(*, deaf: bool = False) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pipelines.cli", "run"]
        process = subprocess.Popen(
            # As a shell script starts a job in the background.
            ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command] if deaf else command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "Running stage 'finetune':\n"
        while not (tmp_path / "ready").exists():
            assert process.poll() is None
        return process

    return start


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", [pytest.param(signal.SIGINT, marks=DEAF), signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("whole_group", [False, True])
def test_the_stage_hears_it_once_and_closes_first(
    started: Callable[..., subprocess.Popen[str]], tmp_path: Path, kind: signal.Signals, whole_group: bool
) -> None:
    process = started()
    (os.killpg if whole_group else os.kill)(process.pid, kind)
    process.communicate()
    assert process.returncode == 130
    assert (tmp_path / "heard").read_text(encoding="utf-8") == "x"
    assert (tmp_path / "closed").exists()


@pytest.mark.timeout(60)
def test_a_job_in_a_scripts_background_can_be_ended_too(
    started: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = started(deaf=True)
    process.terminate()
    process.communicate()
    assert process.returncode == 130 and (tmp_path / "heard").read_text(encoding="utf-8") == "x"
