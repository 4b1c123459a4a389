"""Two processes train as one does, and none is left when one of them fails or is ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from components.errors import ParamsError, TrainingError
from components.params import MachineParams, load_params
from components.processes import started_here
from pipelines import ranks as ranks_module
from pipelines.finetune import finetune
from pipelines.ranks import STAGE_PROCESS, end_group, launch_command, train_on_ranks
from pipelines.runtime.stage import Job
from pipelines.training import fingerprint, records_of
from tests.pipelines import ranked
from tests.pipelines.conftest import Reached, make_job

PACE = ("images_per_second", "waiting_share")


def placed(root: Path, scratch: Path, **machine: object) -> Job:
    """The teacher's job, with a machine's parameters and a scratch folder of its own."""
    params = load_params(root / "params.yaml")
    own = params.finetune.model_copy(update={"machine": MachineParams.model_validate(machine)})
    job, _ = make_job(finetune, root, params=params.model_copy(update={"finetune": own}))
    scratch.mkdir()
    return Job(job.stage, job.dataset, job.root, job.params, job.provenance, job.run, scratch)


@pytest.mark.timeout(180)
def test_two_processes_train_as_one_and_end_together_when_one_fails(
    reached: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = reached("split")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    job = placed(root, tmp_path / "two", processes=2)
    records = records_of(root, "train")
    with pytest.raises(KeyboardInterrupt):
        ranked.teacher(records, tmp_path / "one/teacher", interrupted=True)
    shutil.copytree(tmp_path / "one/teacher", job.scratch / "teacher")
    expected = ranked.curves(records, tmp_path / "one")

    machine = job.params.finetune.machine
    with pytest.raises(TrainingError, match="the second process fails"):
        train_on_ranks(job, machine, module="tests.pipelines.ranked", key="k", heard=lambda: None)

    assert list(started_here(STAGE_PROCESS)) == []
    assert not [path.name for path in job.scratch.iterdir() if path.name.startswith("ranks")]
    found = json.loads((job.scratch / "curves.json").read_text(encoding="utf-8"))
    assert len(found["teacher"]) == 1, "what one process began, two went on with"
    for name, curve in expected.items():
        for one, other in zip(curve, found[name], strict=True):
            assert {key: value for key, value in one.items() if key not in PACE} == pytest.approx(
                {key: value for key, value in other.items() if key not in PACE}, rel=1e-4, abs=1e-6
            ), name


def test_how_many_processes_train_is_not_in_the_fingerprint(reached: Reached, tmp_path: Path) -> None:
    root = reached("split")
    one, four = placed(root, tmp_path / "a"), placed(root, tmp_path / "b", processes=4, checkpointing=True)
    assert fingerprint(one) == fingerprint(four)


def test_that_processes_start_is_said_at_once(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr(ranks_module.subprocess, "Popen", interrupted)
    caplog.set_level("INFO", logger=ranks_module.__name__)
    place: Any = SimpleNamespace(root=tmp_path, scratch=tmp_path, params=load_params(root / "params.yaml"))
    with pytest.raises(KeyboardInterrupt):
        train_on_ranks(place, MachineParams(processes=2), module="m", key="k", heard=lambda: None)
    assert "2 processes (gloo) start" in caplog.text


def test_machines_meet_at_an_address_and_processes_of_one_in_a_file() -> None:
    here = launch_command(Path("/scratch/ranks.json"), MachineParams(processes=2), key="k" * 64)
    assert "--nproc-per-node=2" in here and "--rdzv-endpoint=/scratch/ranks.meeting" in here
    several = MachineParams(processes=8, nodes=2, rendezvous="first:29400")
    there = launch_command(Path("/scratch/ranks.json"), several, key="k" * 64)
    assert "--nnodes=2" in there and "--rdzv-endpoint=first:29400" in there and f"--rdzv-id={'k' * 16}" in there


def test_more_processes_than_gpus_are_refused(
    reached: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    job = placed(reached("split"), tmp_path / "a", processes=3)
    with pytest.raises(ParamsError, match="2 GPUs"):
        train_on_ranks(job, job.params.finetune.machine, module="none", key="k", heard=lambda: None)


@pytest.mark.parametrize("deaf", [False, True])
def test_ending_a_group_leaves_nothing(deaf: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks_module, "GRACE_S", 0.5)
    trap = "trap '' TERM; " if deaf else ""
    inner = f"{trap}echo $$; while :; do sleep 0.05; done"
    with subprocess.Popen(
        ["sh", "-c", 'sh -c "$INNER" & wait'],
        env={**os.environ, "INNER": inner},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as group:
        assert group.stdout is not None
        child = psutil.Process(int(group.stdout.readline()))
        started = time.monotonic()
        end_group(group)
        took_s = time.monotonic() - started
    assert group.returncode is not None
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "it waits for its new parent at most"
    assert not deaf or took_s >= 0.5


def test_a_killed_launchers_processes_are_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks_module, "GRACE_S", 0.2)
    with subprocess.Popen(
        ["sh", "-c", "sh -c 'echo $$; while :; do sleep 0.05; done' & wait"],
        env=ranks_module._environment(MachineParams()),
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as group:
        assert group.stdout is not None
        child = psutil.Process(int(group.stdout.readline()))
        try:
            group.kill()
            group.wait()
            assert child.is_running()
            end_group(group)
            assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
        finally:
            with suppress(psutil.NoSuchProcess):
                child.kill()


def test_processes_share_the_cores_that_this_one_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)))
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    for processes, threads in ((1, "6"), (4, "1"), (8, "1")):
        assert ranks_module._environment(MachineParams(processes=processes))["OMP_NUM_THREADS"] == threads
