"""An application of one command alone, in a project that holds nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer


@pytest.fixture
def app_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[typer.Typer], None]], typer.Typer]:
    """Give a command's `register` an application, in an empty project that is the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).touch()

    def make(register: Callable[[typer.Typer], None]) -> typer.Typer:
        app = typer.Typer()
        register(app)
        return app

    return make
