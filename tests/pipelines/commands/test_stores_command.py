"""`sonoforge stores` says what each store said, and ends with 1 where one fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipelines import stores
from pipelines.commands import stores as command

HERE = stores.Store("MLflow", ".mlflow/mlflow.db", "here", "SQLite")
FAILS = stores.Store("DVC store", "s3://team/x", "fails", "Forbidden", "a key", "give it")


@pytest.fixture
def app(app_of: Callable[..., typer.Typer]) -> typer.Typer:
    """An application with this command alone."""
    return app_of(command.register)


@pytest.mark.parametrize(("found", "code"), [((HERE,), 0), ((FAILS, HERE), 1)])
def test_a_store_that_fails_is_a_fault(
    app: typer.Typer, monkeypatch: pytest.MonkeyPatch, found: tuple[stores.Store, ...], code: int
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(stores, "look_at_stores", lambda root, **said: asked.update(said) or found)
    ran = CliRunner().invoke(app, ["--limit-s", "3"])
    assert ran.exit_code == code, ran.output
    assert asked == {"limit_s": 3.0}
    for store in found:
        assert store.place in ran.stdout and store.found in ran.stdout
    assert ("expected: a key" in ran.stdout and "what to do: give it" in ran.stdout) is (FAILS in found)
    told = json.loads(CliRunner().invoke(app, ["--json"]).stdout)
    assert [one["state"] for one in told] == [store.state for store in found]
