"""`sonoforge approve`, as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from components.artefacts import sha256_of, write_json
from components.errors import ReleaseError
from components.release.records.ledger import LEDGER, read_ledger
from pipelines.commands import approve


def test_it_enters_who_and_why_in_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SONOFORGE_ACTOR", "ada")
    app = typer.Typer()
    approve.register(app)
    check = {"id": "leak", "verdict": "PASS", "value": "none", "limit": "none", "reason": "apart"}
    gate, kept = tmp_path / "reports/gate.json", tmp_path / "former/gate.json"
    write_json(gate, {"verdict": "PASS", "model": {"digest": "a" * 64}, "checks": [check]})
    write_json(kept, {"verdict": "PASS", "model": {"digest": "b" * 64}, "checks": [check]})
    for folder in (tmp_path / "models/student", kept.parent):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.json").write_text("{}")
    runner = CliRunner()
    found = runner.invoke(app, ["--reason", "seen the failures"])
    assert found.exit_code == 0 and "approved by ada" in found.output, found.output
    (entry,) = read_ledger(tmp_path / LEDGER).entries
    assert (entry.action, entry.reason, entry.gate_sha256) == ("approve", "seen the failures", sha256_of(gate))
    again = json.loads(runner.invoke(app, ["--reason", "again", "--json"]).output)
    assert again["digest"] == entry.digest
    assert runner.invoke(app, []).exit_code == 2, "no reason"
    former = json.loads(runner.invoke(app, ["former", "--reason", "it was good", "--json"]).output)
    assert former["gate_sha256"] == sha256_of(kept), "a verdict that a model carries with it"
    gate.unlink()
    assert isinstance(runner.invoke(app, ["--reason", "x"]).exception, ReleaseError)
