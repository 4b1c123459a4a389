"""`sonoforge ablate`: what it lists and refuses, and its files from a finished split."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app

Reached = Callable[[str], Path]


def test_the_list_names_every_change() -> None:
    result = CliRunner().invoke(app, ["ablate", "--list", "--json"])
    assert result.exit_code == 0, result.output
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert rows["student_level_8"]["settings"] == {"distil.levels": [8]}
    assert all(row["change"] for row in rows.values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--variants", "student_blone"], "student_blone"),
        (["--set", "split.seed=3"], "as they stand"),
        (["--set", "student.adapter.edge=false"], "--variants"),
        (["--set", "finetune.epochs=none"], "finetune.epochs"),
        (["--list", "--set", "distil.machine.processes=2"], "distil.machine asks for 2 processes"),
        (["--list", "--out", "pyproject.toml"], "is no folder"),
        (["--list", "--out", "pyproject.toml/deep/down"], "is no folder"),
    ],
)
def test_what_it_cannot_do_is_misuse(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["ablate", *arguments])
    assert result.exit_code == 2
    assert said in result.output


def test_from_a_finished_split_to_its_table(reached: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = reached("split")
    monkeypatch.chdir(project)
    monkeypatch.setattr("components.training.ablation.run.pin_threads", lambda: None)
    kinds = "prompts.evaluate.kinds=[box_jitter]"
    arguments = ["ablate", "--variants", "teacher_as_drawn", "--out", str(tmp_path / "out"), "--json"]
    before = (project / "params.yaml").read_bytes()
    result = CliRunner().invoke(app, [*arguments, "--set", kinds])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found == json.loads((tmp_path / "out/ablation.json").read_text())
    (variant,) = found["variants"]
    assert variant["name"] == "teacher_as_drawn"
    assert set(variant["prompts"]["box_jitter"]["datasets"]) == {"busi"}
    assert variant["parameters"]["total"] > 1_000_000
    assert found["phantom"] is True
    assert "teacher_as_drawn (1 of 1): 1 of 1 epochs, about 0 s left" in result.stderr
    assert "images scored" in result.stderr
    assert (project / "params.yaml").read_bytes() == before
