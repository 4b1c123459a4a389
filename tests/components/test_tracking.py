"""Provenance, a stage's run from start to any kind of end, and the registry's pointers."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from components.tracking import (
    UNKNOWN,
    Provenance,
    collect_provenance,
    find_run,
    list_versions,
    register_version,
    run_record,
    set_alias,
    stage_run,
)
from components.tracking.address import TRACKING
from components.tracking.provenance import judging_digest
from components.tracking.runs import TrackingError, flatten
from components.tracking.store import open_client
from components.tracking.writer import _Run, patiently

ROOT = Path(__file__).resolve().parents[2]


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder as a nobody."""
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A committed project with parameters, pins and a lock."""
    (tmp_path / "params.yaml").write_text("a: 1\n", encoding="utf-8")
    (tmp_path / "requirements.lock.txt").write_text("x==1\n", encoding="utf-8")
    lock = {
        "stages": {
            "harmonise@busi": {"outs": [{"path": "data/02_harmonised/internal/busi", "md5": "aa.dir"}]},
            "harmonise@tn3k": {"outs": [{"path": "data/02_harmonised/internal/tn3k", "md5": "bb.dir"}]},
            "split": {"outs": [{"path": "data/03_splits/internal.csv", "md5": "cc"}]},
        }
    }
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock), encoding="utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "Start")
    return tmp_path


def test_a_clean_tree_is_known_by_its_commit(repository: Path) -> None:
    record = collect_provenance(repository, stage="split", seeds={"split.seed": 7})
    assert record.git_sha == git(repository, "rev-parse", "HEAD").strip()
    assert record.dirty == ()
    assert record.params_sha256 == hashlib.sha256(b"a: 1\n").hexdigest()
    assert record.lock_sha256 == hashlib.sha256(b"x==1\n").hexdigest()
    assert record.seeds == {"split.seed": 7}
    assert record.versions["python"] == ".".join(map(str, sys.version_info[:3]))


def test_changed_new_and_deleted_files_make_it_dirty_but_dvcs_lock_doesnt(repository: Path) -> None:
    clean = collect_provenance(repository, stage="split")
    (repository / "dvc.lock").write_text("stages: {}\n", encoding="utf-8")
    assert collect_provenance(repository, stage="split").pass_id == clean.pass_id
    (repository / "new file.py").write_text("1", encoding="utf-8")
    (repository / "requirements.lock.txt").unlink()
    record = collect_provenance(repository, stage="split")
    assert record.dirty == ("new file.py", "requirements.lock.txt")
    assert record.lock_sha256 == UNKNOWN
    assert record.pass_id != clean.pass_id
    (repository / "new file.py").write_text("2", encoding="utf-8")
    assert collect_provenance(repository, stage="split").pass_id != record.pass_id


def test_all_stages_on_the_same_code_and_parameters_share_a_pass(repository: Path) -> None:
    one = collect_provenance(repository, stage="split")
    other = collect_provenance(repository, stage="finetune", seeds={"finetune.seed": 1})
    assert one.pass_id == other.pass_id
    (repository / "params.yaml").write_text("a: 2\n", encoding="utf-8")
    assert collect_provenance(repository, stage="split").pass_id != one.pass_id


def test_data_are_known_by_dvcs_digests(repository: Path) -> None:
    (repository / "data/imports").mkdir(parents=True)
    (repository / "data/imports/udiat.dvc").write_text("outs:\n- md5: dd.dir\n  path: udiat\n", encoding="utf-8")
    paths = ["data/03_splits/internal.csv", "data/02_harmonised/internal", "data/imports/udiat", "params.yaml", "none"]
    data = collect_provenance(repository, stage="x", data=paths).data
    both = b"data/02_harmonised/internal/busi aa.dir\ndata/02_harmonised/internal/tn3k bb.dir"
    assert data == {
        "data/03_splits/internal.csv": "md5:cc",
        "data/02_harmonised/internal": "md5s:" + hashlib.sha256(both).hexdigest(),
        "data/imports/udiat": "md5:dd.dir",
        "params.yaml": "sha256:" + hashlib.sha256(b"a: 1\n").hexdigest(),
        "none": UNKNOWN,
    }


@pytest.mark.parametrize("missing", ["repository", "commit", "git"])
def test_without_git_the_commit_is_unknown(tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing == "commit":
        git(tmp_path, "init", "-q")
    if missing == "git":
        monkeypatch.setenv("PATH", str(tmp_path))
    record = collect_provenance(tmp_path, stage="x")
    assert record.git_sha == UNKNOWN and record.dirty == ()
    assert record.params_sha256 == UNKNOWN and len(record.pass_id) == 16


def test_what_lasts_has_no_time_and_tags_are_text(repository: Path) -> None:
    record = collect_provenance(repository, stage="x", data=["params.yaml"], seeds={"seed": 3})
    assert "created_at" not in record.lasting() and record.lasting()["git_sha"] == record.git_sha
    assert Provenance(**record.lasting(), created_at=record.created_at) == record
    tags = record.as_tags()
    assert all(isinstance(value, str) for value in tags.values())
    assert tags["sonoforge.dirty"] == "clean" and tags["sonoforge.seeds.seed"] == "3"


def test_flatten_dots_nested_keys() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": None}}, "e": [1, 2], "f": 0.0005}) == {
        "a.b": "1",
        "a.c.d": "None",
        "e": "[1, 2]",
        "f": "0.0005",
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's folder whose tracking database the tests share."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def writer(store: Path) -> Iterator[Path]:
    """A writer on a socket, as a pass over the graph has it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "socket"
        command = [sys.executable, "-m", "components.tracking.writer", "--root", str(store), "--socket", str(path)]
        process = subprocess.Popen(command, cwd=ROOT)
        until = time.monotonic() + 60
        while not path.exists():
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.1)
        yield path
        process.terminate()
        assert process.wait(timeout=60) == 0


def rows(store: Path, query: str) -> list[tuple[object, ...]]:
    """Rows of the tracking database."""
    with sqlite3.connect(store / ".mlflow/mlflow.db") as database:
        return list(database.execute(query))


def status(store: Path, run_id: str) -> object:
    """The status of a run."""
    return rows(store, f"select status from runs where run_uuid = '{run_id}'")[0][0]


def test_a_run_keeps_parameters_curves_files_and_figures(store: Path, writer: Path, tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    provenance = collect_provenance(tmp_path, stage="finetune", seeds={"finetune.seed": 5})
    note = tmp_path / "note.txt"
    note.write_text("kept", encoding="utf-8")
    params = {"finetune": {"epochs": 2}}
    with stage_run("finetune", root=store, provenance=provenance, params=params, socket_path=writer) as run:
        for step in range(1200):
            run.log_metrics({"loss": 1 / (1 + step), "undefined": float("nan")}, step=step)
        run.log_artifact(note, under="notes")
        run.log_figure(Figure(), "empty.png")
        run.log_tags({"verdict": "PASS"})
        assert status(store, run.run_id) == "RUNNING"
    assert status(store, run.run_id) == "FINISHED"
    mine = f"where run_uuid = '{run.run_id}'"
    assert rows(store, f"select count(*), max(step) from metrics {mine} and key = 'loss'") == [(1200, 1199)]
    assert rows(store, f"select value from params {mine} and key = 'finetune.epochs'") == [("2",)]
    tags = dict(rows(store, f"select key, value from tags {mine}"))  # type: ignore[arg-type]
    assert tags["verdict"] == "PASS" and tags["sonoforge.seeds.finetune.seed"] == "5"
    artefacts = store / ".mlflow/artefacts" / run.run_id / "artifacts"
    assert (artefacts / "notes/note.txt").read_text(encoding="utf-8") == "kept"
    assert (artefacts / "figures/empty.png").read_bytes().startswith(b"\x89PNG")


def test_stages_of_one_pass_share_a_parent_that_follows_the_last(store: Path, writer: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("unique: 1\n", encoding="utf-8")
    ids = []
    for name in ("split", "gate"):
        provenance = collect_provenance(tmp_path, stage=name)
        with stage_run(name, root=store, provenance=provenance, socket_path=writer) as run:
            ids.append(run.run_id)
    query = "select value from tags where key = 'mlflow.parentRunId' and run_uuid in ('{}', '{}')"
    parents = {parent for (parent,) in rows(store, query.format(*ids))}
    assert len(parents) == 1
    assert status(store, str(parents.pop())) == "FINISHED"


@pytest.mark.parametrize(("error", "ends"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_an_error_ends_the_run(
    store: Path, writer: Path, tmp_path: Path, error: type[BaseException], ends: str
) -> None:
    provenance = collect_provenance(tmp_path, stage="gate")
    with pytest.raises(error), stage_run("gate", root=store, provenance=provenance, socket_path=writer) as run:
        raise error("because")
    assert status(store, run.run_id) == ends


def test_a_killed_stage_is_recorded_as_killed(store: Path, writer: Path) -> None:
    code = f"""
import os
from pathlib import Path
from components.tracking import collect_provenance, stage_run
root = Path({str(store)!r})
with stage_run("doomed", root=root, provenance=collect_provenance(root, stage="doomed"),
               socket_path=Path({str(writer)!r})):
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == -9
    until = time.monotonic() + 30
    while rows(store, "select status from runs where name = 'doomed'") != [("KILLED",)]:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_line_that_broke_off_ends_the_run_as_killed(store: Path, writer: Path) -> None:
    provenance = collect_provenance(store, stage="torn").as_tags()
    start = {"op": "start", "name": "torn", "pass_id": "torn", "params": {}, "tags": provenance}
    with socket.socket(socket.AF_UNIX) as stage:
        stage.connect(str(writer))
        stage.sendall(json.dumps(start).encode() + b"\n")
        assert json.loads(stage.makefile("r").readline())["fault"] is None
        stage.sendall(b'{"op": "metrics", "entries": [["lo')
    until = time.monotonic() + 30
    while rows(store, "select status from runs where name = 'torn'") != [("KILLED",)]:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_what_cant_be_recorded_is_an_error(store: Path, writer: Path, tmp_path: Path) -> None:
    provenance = collect_provenance(tmp_path, stage="gate")
    with (
        pytest.raises(TrackingError, match=r"nothing\.txt"),
        stage_run("gate", root=store, provenance=provenance, socket_path=writer) as run,
    ):
        run.log_artifact(tmp_path / "nothing.txt")


def test_a_connection_lost_in_a_start_leaves_no_second_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRACKING, raising=False)
    made: list[str] = []
    kept: list[str] = []

    def create(experiment: str, *, tags: dict[str, str], run_name: str) -> SimpleNamespace:
        made.append(run_name)
        return SimpleNamespace(info=SimpleNamespace(run_id=f"id of {run_name}"))

    def log(run_id: str, *, params: list[object]) -> None:
        if not kept:
            kept.append("lost")
            raise ConnectionResetError("the database restarts")
        kept.append(run_id)

    found = [SimpleNamespace(info=SimpleNamespace(run_id="parent"))]
    client: Any = SimpleNamespace(
        search_runs=lambda *where, **limits: found, update_run=lambda *of, **to: None, create_run=create, log_batch=log
    )
    run = _Run(client, "0", tmp_path)
    start = functools.partial(run.start, name="split", pass_id="p", params={"a": "1"}, tags={})
    assert patiently(start, (0.0,)) == "id of split"
    assert made == ["split"] and kept == ["lost", "id of split"]


def test_a_run_whose_making_got_no_answer_is_gone_on_with(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, experiment = open_client(store)
    create, lost = client.create_run, list[str]()

    def create_unheard(where: str, *, tags: dict[str, str], run_name: str) -> Any:
        made = create(where, tags=tags, run_name=run_name)
        if run_name == "unheard" and not lost:
            lost.append(made.info.run_id)
            raise ConnectionResetError("the answer was lost")
        return made

    monkeypatch.setattr(client, "create_run", create_unheard)
    for expected in ("the run that is there", "another stage's of that name"):
        run = _Run(client, experiment, store)
        start = functools.partial(run.start, name="unheard", pass_id="unheard", params={"a": "1"}, tags={})
        found = patiently(start, (0.0,))
        assert (found in lost) is (expected == "the run that is there")
        run.end("FINISHED")
    assert rows(store, "select status from runs where name = 'unheard'") == [("FINISHED",)] * 2


def test_a_stage_alone_starts_its_own_writer(store: Path, tmp_path: Path) -> None:
    provenance = collect_provenance(tmp_path, stage="alone")
    with stage_run("alone", root=store, provenance=provenance) as run:
        run.log_metrics({"a": 1.0})
    assert status(store, run.run_id) == "FINISHED"
    assert rows(store, f"select value from metrics where run_uuid = '{run.run_id}'") == [(1.0,)]


def test_versions_are_pointers_and_an_alias_moves(store: Path, writer: Path, tmp_path: Path) -> None:
    assert list_versions(store, "segmenter") == []
    provenance = collect_provenance(tmp_path, stage="distil")
    with stage_run("distil", root=store, provenance=provenance, socket_path=writer) as run:
        run.log_tags({"sonoforge.weights_sha256": "d1"})
    assert find_run(store, digest="d1") == run.run_id and find_run(store, digest="d9") is None
    first = register_version(
        store, "segmenter", digest="d1", source="models/released/d1", card="# A", run_id=run.run_id
    )
    second = register_version(store, "segmenter", digest="d2", source="models/released/d2", card="# B")
    assert (first.version, second.version) == (1, 2)
    assert register_version(store, "segmenter", digest="d1", source="elsewhere", card="# moved") == first
    assert open_client(store)[0].get_model_version("segmenter", "1").description == "# moved"
    assert [version.digest for version in list_versions(store, "segmenter")] == ["d1", "d2"]
    client, _ = open_client(store)
    for version in (first, second, first):
        set_alias(store, "segmenter", alias="champion", version=version.version)
        found = client.get_model_version_by_alias("segmenter", "champion")
        assert int(found.version) == version.version
    record = run_record(store, run.run_id)
    assert record is not None and (record["stage"], record["status"]) == ("distil", "FINISHED")
    assert record["pass_id"] == provenance.pass_id
    assert run_record(store, "0" * 32) is None


def test_pickles_are_refused_where_mlflow_is_opened(store: Path) -> None:
    list_versions(store, "segmenter")
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    from mlflow.environment_variables import MLFLOW_ALLOW_PICKLE_DESERIALIZATION

    assert MLFLOW_ALLOW_PICKLE_DESERIALIZATION.get() is False


def test_the_digest_of_the_limits_follows_what_judges_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    said = {
        "gate": {"min_cases": 20, "require_declared": True},
        "evaluate": {"seed": 1, "figure_cases": 3},
        "prompts": {"evaluate": {"kinds": ["box"]}, "train": {"jitter": 0.1}},
        "distil": {"seed": 1},
    }

    def digest(section: str, **changes: object) -> str:
        path.write_text(json.dumps({**said, section: {**said[section], **changes}}))  # type: ignore[dict-item]
        return judging_digest(path)

    declared = digest("gate")
    assert digest("gate", min_cases=10) != declared
    assert digest("prompts", evaluate={"kinds": ["click"]}) != declared
    assert digest("gate", require_declared=False) == digest("evaluate", figure_cases=9) == declared
    assert digest("distil", seed=2) == digest("prompts", train={"jitter": 0.3}) == declared
    path.write_text("[")
    assert judging_digest(path) == judging_digest(tmp_path / "none") == "unknown"
