"""`sonoforge run`: parameters are changed safely, and the end of a run says what there is."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from components.errors import ParamsError, PeerError
from components.params import load_params, student_names
from pipelines import graph
from pipelines.cli import app
from pipelines.graph import GraphRun, set_params

PEER = {"model": "medsam_vit_b", "weights": "weights.pt", "sha256": "0" * 64}


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project's parameters and graph, as the current one."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(root / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_value_is_changed_and_nothing_else(project: Path) -> None:
    before = (project / "params.yaml").read_text(encoding="utf-8")
    old = load_params(project / "params.yaml")
    same = f"gate.min_cases={old.gate.min_cases}"
    changes = set_params(project, ["finetune.epochs=77", "datasets.busi.phantom.images=41", same])
    assert [change.split(": ")[0] for change in changes] == ["finetune.epochs", "datasets.busi.phantom.images"]
    assert changes[0] == f"finetune.epochs: {old.finetune.epochs} -> 77"
    params = load_params(project / "params.yaml")
    phantom = params.datasets["busi"].phantom
    assert params.finetune.epochs == 77 and phantom is not None and phantom.images == 41
    after = (project / "params.yaml").read_text(encoding="utf-8")
    changed = [
        (old, new)
        for old, new in zip(before.splitlines(), after.splitlines(), strict=True)
        if old.split() != new.split()
    ]
    assert len(changed) == 2, "comments and every other line stay"


def test_null_removes_a_dataset(project: Path) -> None:
    assert set_params(project, ["datasets.ddti=null"]) == ("datasets.ddti: removed",)
    assert "ddti" not in load_params(project / "params.yaml").datasets


def test_true_is_not_1_and_1_is_not_true(project: Path) -> None:
    assert set_params(project, ["model.draws_prompts=true", "finetune.weight_decay=0.010"]) == ()
    with pytest.raises(ParamsError, match=r"finetune\.epochs"):
        set_params(project, ["finetune.epochs=1", "finetune.epochs=[1]"])
    set_params(project, ["finetune.accumulate=1"])
    assert set_params(project, ["model.draws_prompts=false"]) == ("model.draws_prompts: True -> False",)
    assert set_params(project, ["finetune.accumulate=true"])[0].endswith("1 -> True")


@pytest.mark.parametrize(
    "assignment",
    [
        "finetune.epochs",
        "=3",
        "finetune.epochs=0",
        "finetune.epoch=3",
        "nosuch.key=1",
        "seed=[",
        "split.seed.deep=1",
        "datasets.bussi=null",
        "gate.typo=null",
        "student.name=rep_minni",
        "student.adapter.variant=none",
    ],
)
def test_a_wrong_assignment_changes_nothing(project: Path, assignment: str) -> None:
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(ParamsError):
        set_params(project, ["gate.min_cases=33", assignment])
    assert (project / "params.yaml").read_bytes() == before
    assert CliRunner().invoke(app, ["run", "--set", assignment]).exit_code == 2


def test_what_cannot_be_distilled_is_refused_before_the_teacher_is_trained(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "components.training.ahead.check_distillation", lambda params: asked.append(params.student.name)
    )
    set_params(project, ["finetune.epochs=77"])
    assert asked == [], "nothing that concerns the student was changed"
    other = next(name for name in student_names() if name != load_params(project / "params.yaml").student.name)
    set_params(project, [f"student.name={other}"])
    graph.check_before(project)
    assert asked == [other] * 2, "at the change, and at the start of what has not been distilled yet"
    raw = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    sections = {"finetune": ("model", "teacher", "finetune"), "distil": ("model", "student", "distil")}
    stages = {s: {"params": {"params.yaml": {name: raw[name] for name in names}}} for s, names in sections.items()}
    (project / "dvc.lock").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    graph.check_before(project)
    assert len(asked) == 2, "it was distilled so"


def result(ran: tuple[str, ...]) -> GraphRun:
    """What a run may leave."""
    check = {"id": "cases:busi", "verdict": "INSUFFICIENT", "value": 4, "limit": 20, "reason": "busi has 4 test cases"}
    gate: dict[str, Any] = {"verdict": "INSUFFICIENT", "phantom": True, "checks": [check]}
    promotion: dict[str, Any] = {"action": "refused", "to": None, "folder": None, "bento": None, "reasons": []}
    return GraphRun(ran, None, None, gate, promotion)


@pytest.mark.parametrize(("ran", "says"), [((), "Nothing had to run"), (("gate", "promote"), "2 stages ran")])
def test_the_end_says_what_there_is(
    project: Path, monkeypatch: pytest.MonkeyPatch, ran: tuple[str, ...], says: str
) -> None:
    monkeypatch.setattr(graph, "run_graph", lambda *_, **__: result(ran))
    assert "report.html" not in CliRunner().invoke(app, ["run"]).output, "there is none yet"
    (project / "reports").mkdir()
    (project / "reports/report.html").touch()
    done = CliRunner().invoke(app, ["run"])
    assert done.exit_code == 0 and "Report:   reports/report.html" in done.output
    assert says in done.output and "Verdict: INSUFFICIENT" in done.output and "busi has 4 test cases" in done.output
    assert "PHANTOM" in done.output
    record = json.loads(CliRunner().invoke(app, ["run", "--json"]).stdout)
    assert record["ran"] == list(ran) and record["gate"]["verdict"] == "INSUFFICIENT"


def test_after_one_stage_nothing_is_said_of_earlier_results(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "run_graph", lambda *_, **__: result(("split",)))
    done = CliRunner().invoke(app, ["run", "split"])
    assert done.exit_code == 0
    assert "1 stages ran for split" in done.output and "Verdict" not in done.output


@pytest.mark.parametrize("name", ["finetun", "finetune@busi", "ingest@camus", "harmonise@"])
def test_a_stage_that_is_none_is_misuse(name: str) -> None:
    with pytest.raises(ParamsError, match="no stage is called"):
        graph.check_stage(name, ("busi", "fugc"))


@pytest.mark.parametrize("name", ["finetune", "ingest", "harmonise@fugc"])
def test_stages_and_groups_of_stages_have_names(name: str) -> None:
    graph.check_stage(name, ("busi", "fugc"))


def test_a_second_run_waits_for_the_first(tmp_path: Path) -> None:
    said: list[str] = []
    order: list[str] = []

    def second() -> None:
        with graph.one_at_a_time(tmp_path, say=said.append):
            order.append("second")

    with graph.one_at_a_time(tmp_path, say=said.append):
        assert said == []
        thread = threading.Thread(target=second)
        thread.start()
        until = time.monotonic() + 30
        while not said and time.monotonic() < until:
            time.sleep(0.01)
        order.append("first")
    thread.join(timeout=30)
    assert order == ["first", "second"]
    assert "waiting" in said[0]


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("document.required", ["intended_user"], "intended_user"),
        ("evaluate.peers", {"other": PEER | {"model": "nosuch"}}, "other.model is 'nosuch'"),
        ("evaluate.peers", {"other": PEER | {"weights": "nowhere.pt"}}, "which is no file"),
        ("evaluate.peers", {"other": PEER}, "has sha256"),
        ("evaluate.peers", {"other": PEER | {"exposure": {"busy": "yes"}}}, "exposure names busy"),
    ],
)
def test_what_only_late_stages_read_is_checked_before_the_first(
    path: str, value: object, says: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    section, key = path.split(".")
    raw[section][key] = value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    (tmp_path / "weights.pt").write_bytes(b"other ones")
    monkeypatch.setattr(graph, "_start_dvc", lambda *_: pytest.fail("a stage was started"))
    with pytest.raises((ParamsError, PeerError), match=says):
        graph.run_graph(tmp_path, say=str)
