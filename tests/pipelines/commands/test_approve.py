"""`sonoforge approve`, as a person calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from components.artefacts import ModelDescription, save_model, sha256_of, write_json
from components.errors import ReleaseError
from components.release.records.ledger import LEDGER, append, read_ledger, released_folder
from pipelines.commands import approve


def put(folder: Path, weight: float) -> str:
    """Write a model folder; returns its digest."""
    description = ModelDescription(
        kind="student",
        name="m",
        config={},
        image_size_px=64,
        preprocess_version=1,
        phantom=True,
        base="scratch",
        trained_on=(),
        provenance={},
    )
    return save_model(folder, {"w": torch.full((2,), weight)}, description).digest


def test_it_enters_who_and_why_in_the_ledger(
    app_of: Callable[..., typer.Typer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONOFORGE_ACTOR", "ada")
    app = app_of(approve.register)
    student, former = put(tmp_path / "models/student", 1.0), put(tmp_path / "made", 2.0)
    check = {"id": "leak", "verdict": "PASS", "value": "none", "limit": "none", "reason": "apart"}
    gate, kept = tmp_path / "reports/gate.json", released_folder(tmp_path, former) / "gate.json"
    kept.parent.parent.mkdir()
    (tmp_path / "made").rename(kept.parent)
    for path, digest in ((gate, student), (tmp_path / "models/student/gate.json", student), (kept, former)):
        write_json(path, {"verdict": "PASS", "of": path.parent.name, "model": {"digest": digest}, "checks": [check]})
    digests = {"source": None, "target": former, "candidate": former}
    append(tmp_path / LEDGER, action="promote", who="bob", gate_sha256=sha256_of(kept), reason="PASS", **digests)
    runner = CliRunner()
    found = runner.invoke(app, ["--reason", "seen the failures"])
    assert found.exit_code == 0 and "approved by ada" in found.output, found.output
    entry = read_ledger(tmp_path / LEDGER).entries[-1]
    assert (entry.action, entry.reason, entry.gate_sha256) == ("approve", "seen the failures", sha256_of(gate))
    again = json.loads(runner.invoke(app, ["--reason", "again", "--json"]).output)
    assert again["digest"] == entry.digest
    assert runner.invoke(app, []).exit_code == 2, "no reason"
    back = json.loads(runner.invoke(app, ["champion", "--reason", "it was good", "--json"]).output)
    assert back["gate_sha256"] == sha256_of(kept), "a verdict that a released model carries with it"
    gate.unlink()
    assert isinstance(runner.invoke(app, ["--reason", "x"]).exception, ReleaseError), "no other folder's own counts"
