"""`sonoforge schedule` hands a flow, its pool and its times on, and says what a worker is started by."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipelines import schedule as scheduling
from pipelines.commands import schedule as command


@pytest.fixture
def app(app_of: Callable[..., typer.Typer]) -> typer.Typer:
    """An application with this command alone."""
    return app_of(command.register)


def test_flow_pool_and_times_are_handed_on(app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(
        scheduling, "deploy", lambda name, root, **said: told.append((name, root, said)) or f"{name}/{root.name}"
    )
    ran = CliRunner().invoke(app, ["retrain", "--pool", "night", "--cron", "0 3 * * 0", "--if-asked", "--json"])
    assert ran.exit_code == 0, ran.output
    parameters = {"root": str(tmp_path), "if_asked": True}
    assert told == [("retrain", tmp_path, {"pool": "night", "cron": "0 3 * * 0", "parameters": parameters})]
    said = json.loads(ran.stdout)
    assert said["deployment"] == f"retrain/{tmp_path.name}" and "--pool night" in said["worker"]
    ran = CliRunner().invoke(app, ["monitor", "--pool", "night"])
    assert "when asked" in ran.stdout and f"prefect deployment run monitor/{tmp_path.name}" in ran.stdout
    assert told[1][2] == {"pool": "night", "cron": None, "parameters": {"root": str(tmp_path)}}


def test_only_retraining_is_asked_for(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["monitor", "--pool", "night", "--if-asked"]).exit_code == 2
