"""`sonoforge monitor`, as a person calls it."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from components.artefacts import write_json
from components.errors import ArtefactError
from components.monitoring.reading import FIRST_MONDAY
from components.promptable.reference import write_reference
from pipelines.commands import monitor
from tests.components.monitoring.simulated import description, reference, write_weeks


@pytest.fixture
def app(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """The command, in a project with a model that carries a reference."""
    model = tmp_path / "models/student"
    model.mkdir(parents=True)
    write_json(model / "model.json", description().model_dump(mode="json"))
    write_reference(model, reference())
    shutil.copy(root / "params.yaml", tmp_path)
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    found = typer.Typer()
    monitor.register(found)
    return found


def test_it_tells_the_verdict_why_and_leaves_a_page(app: typer.Typer, tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    monday = today - timedelta(days=(today - FIRST_MONDAY).days % 7 + 14)
    write_weeks(tmp_path / "elsewhere", monday, [{}, {"moved": {"grain": -3.0}}])
    asked = ["--signals", "elsewhere", "--model", "student", "--out", "page.html"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 1, done.output
    assert done.output.startswith("DRIFT: hiera_mini (models/student, PHANTOM), ")
    assert "direction of the grain: differs from this model's traffic before" in done.output
    assert "An early warning, no verdict" in done.output and f"before, {monday}" in done.output
    assert "<strong>DRIFT</strong>" in (tmp_path / "page.html").read_text()
    told = CliRunner().invoke(app, [*asked[:2], "--since", monday.isoformat(), "--json"])
    assert told.exit_code == 1 and json.loads(told.stdout)["verdict"] == "DRIFT"


@pytest.mark.parametrize(
    ("variable", "value", "folder"),
    [("SONOFORGE_SIGNALS", "elsewhere", "elsewhere"), ("SONOFORGE_AUDIT", "kept/audit", "kept/signals")],
)
def test_it_looks_where_the_service_writes(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, folder: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / value))
    with pytest.raises(ArtefactError, match=f"{folder} is no folder"):
        CliRunner().invoke(app, [], catch_exceptions=False)
    (tmp_path / folder).mkdir(parents=True)
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0 and "INSUFFICIENT" in done.output


def test_too_little_traffic_is_no_fault_and_no_folder_is_one(app: typer.Typer, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="is no folder") as caught:
        CliRunner().invoke(app, [], catch_exceptions=False)
    assert "--signals" in caught.value.remedy
    (tmp_path / "signals").mkdir()
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0 and "INSUFFICIENT" in done.output and "units of images" in done.output
