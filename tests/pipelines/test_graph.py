"""The graph at its smallest, end to end through `dvc repro`: results, no second run, exact staleness, resuming."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir
from functools import cached_property, reduce
from operator import getitem
from pathlib import Path

import networkx
import pytest
import yaml
from dvc.repo import Repo

from components.params import load_params
from pipelines.graph import STAGES
from tests.pipelines.conftest import DEAF, SMALL, shrink

pytestmark = [pytest.mark.graph, pytest.mark.timeout(900)]

BEHIND_A_VALIDATION = {"package", "document", "gate", "promote", "report"}
DOWNSTREAM_OF_SCORING = {"validate_internal", "validate_external"} | BEHIND_A_VALIDATION
DOWNSTREAM_OF_TRAINING = {"distil", "spread", "calibrate"} | DOWNSTREAM_OF_SCORING


class Project:
    """A copy of this project with its own git and DVC, at the smallest parameters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "BENTOML_", "DVC_", "PYTEST_"))},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def call(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the project."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def changed(self) -> set[str]:
        """The stages that DVC would run at once."""
        with chdir(self.folder), Repo() as repo:
            found = repo.status()
        return {name for name, why in found.items() if any("changed" in str(reason) for reason in why)}

    def stale(self) -> set[str]:
        """The stages that DVC would run, those behind a stale one included."""
        changed = self.changed()
        return changed | {later for name in changed for later in self.behind[name]}

    @cached_property
    def behind(self) -> dict[str, set[str]]:
        """Which stages come after each one, by DVC's own graph."""
        with chdir(self.folder), Repo() as repo:
            graph = repo.index.graph
            return {one.addressing: {each.addressing for each in networkx.ancestors(graph, one)} for one in graph}

    def edit(self, change: Callable[[dict[str, object]], None]) -> None:
        """Change params.yaml."""
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(params)
        path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")

    def runs(self) -> list[tuple[str, str]]:
        """Name and status of all MLflow runs, in the order of their start."""
        with sqlite3.connect(self.folder / ".mlflow/mlflow.db") as database:
            return list(database.execute("select name, status from runs order by start_time"))


def _copy(root: Path, folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.split("\0"):
        # A file may be deleted in the working tree and still be in the index.
        if name and name != "dvc.lock" and (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Project]:
    """The copy, committed."""
    folder = tmp_path_factory.mktemp("graph")
    _copy(root, folder)
    made = Project(folder)

    made.edit(lambda params: shrink(params, SMALL))
    made.call("git", "init", "-q")
    made.call("git", "add", "-A")
    made.call("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-q", "-m", "Start")
    yield made


@pytest.fixture(scope="module")
def reproduced(project: Project) -> Project:
    """The project after one `dvc repro`."""
    project.call("dvc", "repro")
    return project


def test_everything_is_there(reproduced: Project) -> None:
    folder = reproduced.folder
    kinds = load_params(folder / "params.yaml").prompts.evaluate.kinds
    for role, names in (("internal", {"busi"}), ("external", {"fugc"})):
        metrics = json.loads((folder / f"reports/{role}/metrics.json").read_text(encoding="utf-8"))
        assert metrics["schema"] == 1 and metrics["phantom"] is True
        assert set(metrics["datasets"]) == names
        for dataset in metrics["datasets"].values():
            assert set(dataset["prompts"]) == set(kinds) - {"box_nothing"}
            for prompt, by_who in dataset["prompts"].items():
                # A click has no box, so it has no baseline either.
                baselines = {"unet_box", "ellipse", "filled_box", "grabcut"} if "box" in prompt else set()
                assert set(by_who) == {"student", "teacher"} | baselines
                assert set(by_who["student"]["dice"]) >= {"mean", "n", "undefined"}
    gate = json.loads((folder / "reports/gate.json").read_text(encoding="utf-8"))
    assert gate["verdict"] in {"FAIL", "INSUFFICIENT"}, "one epoch on a few images can't be enough"
    assert json.loads((folder / "reports/promotion.json").read_text(encoding="utf-8"))["action"] == "refused"
    assert (folder / "reports/training/finetune.csv").read_text(encoding="utf-8").startswith("epoch,")
    assert (folder / "reports/data/busi/docs/index.html").is_file()
    # Nothing that the graph wrote makes the tree dirty, except DVC's lock.
    assert reproduced.call("git", "status", "--porcelain").stdout.split() == ["??", "dvc.lock"]


def test_each_stage_is_a_run_under_one_pass(reproduced: Project) -> None:
    runs = reproduced.runs()
    parents = [name for name, _ in runs if name.startswith("pass ")]
    expected = {f"{s}@{d}" for s in STAGES[:3] for d in SMALL} | set(STAGES[3:])
    assert len(parents) == 1
    assert {name for name, _ in runs} - set(parents) == expected
    assert {status for _, status in runs} == {"FINISHED"}
    with sqlite3.connect(reproduced.folder / ".prefect/prefect.db") as database:
        flows = dict(database.execute("select name, state_name from flow_run"))
    assert set(flows) == expected and set(flows.values()) == {"Completed"}


def test_the_server_is_gone_with_its_door(reproduced: Project) -> None:
    until = time.monotonic() + 30
    while (reproduced.folder / ".prefect/server.json").exists():
        assert time.monotonic() < until, "the keeper still runs"
        time.sleep(0.2)


def test_a_second_run_does_nothing_in_seconds_through_either_door(reproduced: Project) -> None:
    lock = (reproduced.folder / "dvc.lock").read_bytes()
    started = time.monotonic()
    done = reproduced.call("dvc", "repro")
    assert "Running stage" not in done.stdout and "up to date" in done.stdout
    assert time.monotonic() - started < 30
    other = json.loads(reproduced.call(sys.executable, "-m", "pipelines.cli", "run", "--json").stdout)
    assert other["ran"] == []
    assert (reproduced.folder / "dvc.lock").read_bytes() == lock


def test_the_scheduled_flow_runs_the_same_graph_and_notes_the_verdict(reproduced: Project) -> None:
    lock = (reproduced.folder / "dvc.lock").read_bytes()
    reproduced.call(sys.executable, "-m", "pipelines.retrain")
    assert (reproduced.folder / "dvc.lock").read_bytes() == lock
    with sqlite3.connect(reproduced.folder / ".prefect/prefect.db") as database:
        flows = dict(database.execute("select flow.name, state_name from flow_run join flow on flow.id = flow_id"))
        notes = [text for (text,) in database.execute("select data from artifact where key = 'verdict'")]
    assert flows["retrain"] == "Completed"
    assert len(notes) == 1 and "refused; nothing had changed" in notes[0]


@pytest.mark.parametrize(
    ("section", "key", "value", "stale"),
    [
        ("gate", "min_cases", 21, {"document", "gate", "promote", "report"}),
        ("evaluate", "seed", 5, DOWNSTREAM_OF_SCORING),
        ("prompts.evaluate", "kinds", ["box"], DOWNSTREAM_OF_SCORING),
        ("prompts.evaluate", "jitter", 0.2, {"finetune", "train_unet"} | DOWNSTREAM_OF_TRAINING),
        ("distil", "epochs", 2, DOWNSTREAM_OF_TRAINING),
        ("unet", "epochs", 2, {"train_unet"} | DOWNSTREAM_OF_SCORING),
        ("spread", "seeds", [21], {"spread", "validate_internal"} | BEHIND_A_VALIDATION),
        ("teacher", "base", "other", {"finetune"} | DOWNSTREAM_OF_TRAINING),
        ("split", "seed", 8, {"split", "finetune", "train_unet"} | DOWNSTREAM_OF_TRAINING),
    ],
)
def test_a_changed_parameter_makes_exactly_its_dependants_stale(
    reproduced: Project, section: str, key: str, value: object, stale: set[str]
) -> None:
    params = reproduced.folder / "params.yaml"
    before = params.read_bytes()
    try:
        reproduced.edit(lambda params: reduce(getitem, section.split("."), params).update({key: value}))  # type: ignore[arg-type]
        assert reproduced.stale() == stale
    finally:
        params.write_bytes(before)


def test_a_changed_byte_of_an_external_dataset_retrains_nothing(reproduced: Project) -> None:
    raw = sorted((reproduced.folder / "data/01_raw/fugc").rglob("*.png"))[0]
    before = raw.read_bytes()
    try:
        raw.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        stale = reproduced.stale()
    finally:
        raw.write_bytes(before)
    # DVC sees the output of `ingest` changed, and all that reads it; nothing internal but the verdict.
    assert (
        stale
        == {
            "ingest@fugc",
            "validate_data@fugc",
            "harmonise@fugc",
            "validate_external",
        }
        | BEHIND_A_VALIDATION
    )


def test_a_quarantined_file_makes_stale_its_dataset_and_the_stage_that_compares_contracts(
    reproduced: Project,
) -> None:
    contract = reproduced.folder / "data/contracts/fugc.yaml"
    before = contract.read_bytes()
    entry = "{file: test/images/0001.png, action: exclude, reason: r, reviewer: s, date: 2026-11-22}"
    try:
        contract.write_bytes(before + f"quarantine:\n  - {entry}\n".encode())
        changed = reproduced.changed()
    finally:
        contract.write_bytes(before)
    # `split` reads all contracts, for datasets of the same patients, and `document` their licences; equal splits run
    # nothing behind them.
    assert changed == {"ingest@fugc", "validate_data@fugc", "harmonise@fugc", "split", "document"}
    assert reproduced.changed() == set()


def test_an_unknown_parameter_stops_with_a_message(reproduced: Project) -> None:
    params = reproduced.folder / "params.yaml"
    before = params.read_bytes()
    try:
        reproduced.edit(lambda all_params: all_params["gate"].update({"min_casse": 3}))  # type: ignore[attr-defined]
        done = reproduced.call("dvc", "repro", check=False)
    finally:
        params.write_bytes(before)
    assert done.returncode != 0
    assert "gate.min_casse" in done.stderr and "what to do" in done.stderr
    assert "Traceback" not in done.stderr


@DEAF
def test_an_interrupted_training_resumes_from_its_checkpoint(reproduced: Project) -> None:
    reproduced.edit(lambda params: params["finetune"].update({"epochs": 40}))
    command = [sys.executable, "-m", "pipelines.cli", "run"]
    _interrupted(reproduced, ["dvc", "repro"], signal.SIGINT, resumes=False)
    _interrupted(reproduced, ["dvc", "repro"], signal.SIGKILL, resumes=True)
    _interrupted(reproduced, command, signal.SIGTERM, resumes=True)
    # Its end isn't waited for: that a resumed training equals an unbroken one is tested with the loop.
    _interrupted(reproduced, ["dvc", "repro"], signal.SIGINT, resumes=True)


def _interrupted(project: Project, door: list[str], kind: signal.Signals, *, resumes: bool) -> None:
    """Begin the training, or go on with it where the last one was interrupted, and interrupt it after two epochs."""
    process = project.start(*door, "finetune")
    assert process.stdout is not None
    seen = []
    epochs = 0
    for line in process.stdout:
        seen.append(line)
        epochs += bool(re.search(r"epoch \d+/40", line))
        if epochs == 2:
            break
    else:
        pytest.fail("".join(seen))
    said = next(line for line in seen if "epoch" in line)
    assert ("resuming in epoch" in said) is resumes and "resuming in epoch 1 " not in said
    # The terminal interrupts a whole group; `sonoforge` passes on what it alone was sent.
    (os.killpg if door[0] == "dvc" else os.kill)(process.pid, kind)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not (project.folder / "models/teacher").exists()
    _wait_for(lambda: project.runs()[-1] == ("finetune", "KILLED"))


def _wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)
