"""`sonoforge serve` starts nothing where there is no model that may be served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from components.artefacts import ModelDescription, save_model
from components.errors import ArtefactError, ReleaseError
from components.release.packing.bento import BuiltBento
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
