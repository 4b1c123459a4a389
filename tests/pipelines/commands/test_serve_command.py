"""`sonoforge serve` starts nothing where there is no model that may be served."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from components.artefacts import ModelDescription, save_model
from components.errors import AccessError, ArtefactError, ParamsError, ReleaseError
from components.release.packing.bento import BuiltBento
from components.tokens import make_token
from pipelines.commands import serve as command
from pipelines.commands.model_ref import Chosen


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """An application with this command alone, in an empty folder, where starting a server is a failure."""

    def started(*_: object) -> None:
        pytest.fail("a server was started")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "bentos"))
    monkeypatch.setattr("os.execve", started)
    app = typer.Typer()
    command.register(app)
    return app


def model(folder: Path, kind: str) -> None:
    """Write a model folder of a kind."""
    description = ModelDescription.model_validate(
        {
            "kind": kind,
            "name": "m",
            "config": {},
            "image_size_px": 64,
            "preprocess_version": 1,
            "phantom": True,
            "base": "scratch",
            "trained_on": [],
            "provenance": {},
        }
    )
    save_model(folder, {"w": torch.zeros(2)}, description)


def test_nothing_promoted(app: typer.Typer) -> None:
    ran = CliRunner().invoke(app, [])
    assert isinstance(ran.exception, ReleaseError) and "no model is promoted" in ran.exception.found
    assert "make demo" in ran.exception.remedy


def test_a_released_model_without_its_bento_is_served_from_its_folder_and_says_so(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr("os.execve", lambda _, command, environment: calls.append((command, environment)))
    monkeypatch.setattr("components.release.packing.bento.bento_of", lambda digest, package, papers: None)
    chosen = Chosen(tmp_path / "m", "the champion", "0" * 64)
    monkeypatch.setattr(command, "resolve", lambda root, ref: chosen)
    model(tmp_path / "m", "student")
    ran = CliRunner().invoke(app, [])
    assert ran.exit_code == 0 and "with this project's code" in ran.stdout and "no Bento" in ran.stderr
    ((started, environment),) = calls
    assert started[2] == command.SERVICE and environment["SONOFORGE_MODEL"] == str(tmp_path / "m")


def test_a_bento_brings_its_own_code_and_model(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr("os.execve", lambda _, command, environment: calls.append((command, environment)))
    model(tmp_path / "bento/src/model", "student")
    compiled = tmp_path / "bento/src/serving/__pycache__"
    compiled.mkdir(parents=True)
    bento = BuiltBento("sonoforge:1-2", tmp_path / "bento", "1" * 64, "2")
    monkeypatch.setattr(
        "components.release.packing.bento.bento_of", lambda digest, package, papers: {"1" * 64: bento}[digest]
    )
    chosen = Chosen(tmp_path / "gone", "the champion", "1" * 64)
    monkeypatch.setattr(command, "resolve", lambda root, ref: chosen)
    monkeypatch.setenv("SONOFORGE_MODEL", "another")
    ran = CliRunner().invoke(app, ["--json"])
    assert ran.exit_code == 0 and json.loads(ran.stdout)["bento"] == "sonoforge:1-2", ran.output
    ((started, environment),) = calls
    assert started[2] == "sonoforge:1-2" and "SONOFORGE_MODEL" not in environment
    assert not compiled.exists() and environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert started[started.index("--working-dir") + 1] == str(tmp_path / "bento/src")


def test_a_teacher_is_not_served(app: typer.Typer, tmp_path: Path) -> None:
    model(tmp_path / "m", "teacher")
    ran = CliRunner().invoke(app, ["--model", "m"])
    assert isinstance(ran.exception, ArtefactError) and "teacher" in ran.exception.found


def test_altered_weights_are_not_served(app: typer.Typer, tmp_path: Path) -> None:
    model(tmp_path / "m", "student")
    with (tmp_path / "m/weights.safetensors").open("ab") as file:
        file.write(b"x")
    ran = CliRunner().invoke(app, ["--model", "m"])
    assert isinstance(ran.exception, ReleaseError) and "sha256" in ran.exception.found


def test_a_student_is_served_on_this_machine(app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr("os.execve", lambda _, command, environment: calls.append((command, environment)))
    model(tmp_path / "m", "student")
    ran = CliRunner().invoke(app, ["--model", "m", "--port", "3999"])
    assert ran.exit_code == 0, ran.output
    ((started, environment),) = calls
    assert started[started.index("--host") + 1] == "127.0.0.1" and started[started.index("--port") + 1] == "3999"
    assert environment["SONOFORGE_MODEL"] == str(tmp_path / "m")


@pytest.fixture
def started(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[list[str], dict[str, str]]]:
    """Commands and environments of the servers that were started, for a model folder."""
    calls: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr("os.execve", lambda _, command, environment: calls.append((command, environment)))
    monkeypatch.setattr(command, "resolve", lambda root, ref: Chosen(tmp_path / "m", "the student", None))
    for variable in ("SONOFORGE_ACCESS", "SONOFORGE_TOKENS", "SONOFORGE_SETTINGS"):
        monkeypatch.delenv(variable, raising=False)
    model(tmp_path / "m", "student")
    return calls


def test_another_address_needs_access(app: typer.Typer, started: list[object]) -> None:
    for arguments in (["--host", "0.0.0.0"], ["--host", "::"], ["--host", "10.0.0.1", "--access", "none"]):
        ran = CliRunner().invoke(app, arguments)
        assert isinstance(ran.exception, AccessError) and "asks nobody for a name" in ran.exception.found
    assert started == []


def test_with_access_any_address_will_do(
    app: typer.Typer, started: list[tuple[list[str], dict[str, str]]], tmp_path: Path
) -> None:
    make_token(tmp_path / "t", "a", role="use", now=datetime.now(UTC))
    arguments = ["--host", "0.0.0.0", "--access", "token"]
    assert CliRunner().invoke(app, arguments, env={"SONOFORGE_TOKENS": str(tmp_path / "t")}).exit_code == 0
    ((told, environment),) = started
    assert told[told.index("--host") + 1] == "0.0.0.0" and environment["SONOFORGE_ACCESS"] == "token"


def test_tokens_that_others_can_read_are_refused_before_anything_starts(
    app: typer.Typer, started: list[object], tmp_path: Path
) -> None:
    make_token(tmp_path / "t", "a", role="use", now=datetime.now(UTC))
    (tmp_path / "t").chmod(0o644)
    ran = CliRunner().invoke(app, ["--access", "token"], env={"SONOFORGE_TOKENS": str(tmp_path / "t")})
    assert isinstance(ran.exception, AccessError) and started == []


def test_the_records_lie_where_the_environment_says_else_in_the_project(
    app: typer.Typer, started: list[tuple[list[str], dict[str, str]]], tmp_path: Path
) -> None:
    for environment in ({}, {"SONOFORGE_AUDIT": "/var/log/audit"}, {"SONOFORGE_SIGNALS": "/var/signals"}):
        assert CliRunner().invoke(app, [], env=environment).exit_code == 0
    assert [(given["SONOFORGE_AUDIT"], given["SONOFORGE_SIGNALS"]) for _, given in started] == [
        (str(tmp_path / "audit"), str(tmp_path / "signals")),
        ("/var/log/audit", "/var/log/signals"),
        (str(tmp_path / "audit"), "/var/signals"),
    ]


def test_settings_that_cannot_be_read_start_nothing(app: typer.Typer, started: list[object], tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, [], env={"SONOFORGE_SETTINGS": str(tmp_path / "nowhere.yaml")})
    assert isinstance(ran.exception, ParamsError) and started == []


def test_the_environments_mode_counts_before_the_settings(app: typer.Typer, started: list[object]) -> None:
    ran = CliRunner().invoke(app, ["--host", "0.0.0.0"], env={"SONOFORGE_ACCESS": "proxy"})
    assert ran.exit_code == 0 and len(started) == 1


def test_a_bento_of_a_time_before_access_is_served_on_this_machine_only(
    app: typer.Typer, started: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").mkdir()
    monkeypatch.setattr(command, "_sources", lambda: tmp_path / "old")
    for arguments in (["--host", "0.0.0.0", "--access", "token"], ["--access", "proxy"], ["--host", "0.0.0.0"]):
        ran = CliRunner().invoke(app, arguments)
        assert isinstance(ran.exception, AccessError) and "before access" in ran.exception.found
    assert CliRunner().invoke(app, []).exit_code == 0 and len(started) == 1


def test_the_settings_mode_counts_where_none_is_asked_for(
    app: typer.Typer, started: list[object], tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text("serving: {access: {mode: proxy}}")
    settings = {"SONOFORGE_SETTINGS": str(tmp_path / "s.yaml")}
    assert CliRunner().invoke(app, ["--host", "0.0.0.0"], env=settings).exit_code == 0
    assert isinstance(
        CliRunner().invoke(app, ["--host", "0.0.0.0", "--access", "none"], env=settings).exception, AccessError
    )
