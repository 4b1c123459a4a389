"""`sonoforge model summary` prints what the networks hold."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pipelines.cli import app


def test_the_table_has_every_size_and_the_student() -> None:
    result = CliRunner().invoke(app, ["model", "summary", "--json"])
    assert result.exit_code == 0, result.output
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert {"tiny", "small", "base_plus", "large", "hiera_mini"} <= set(rows)
    assert rows["hiera_mini"]["encoder"] == 857_608
    assert rows["large"]["adapters"] == 9_071_932


def test_the_table_can_be_read_on_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = CliRunner().invoke(app, ["model", "summary"])
    assert "0.858" in result.stdout and "…" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_memory_is_computed_for_both_stages() -> None:
    asked = ["model", "memory", "--teacher", "micro", "--size", "64", "--json"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    steps = json.loads(result.stdout)["steps"]
    assert {(step["stage"], step["bf16"]) for step in steps} == {
        (stage, bf16) for stage in ("finetune", "distil") for bf16 in (False, True)
    }
    for step in steps:
        assert step["total"] == step["parameters"] + step["optimiser"] + step["working"] and step["fits"]
    assert CliRunner().invoke(app, ["model", "memory", "--teacher", "huge"]).exit_code == 2


def test_memory_names_the_student_and_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    asked = ["model", "memory", "--teacher", "micro", "--size", "64", "--student"]
    result = CliRunner().invoke(app, [*asked, "rep_mini"])
    assert result.exit_code == 0, result.output
    assert "1 image of 1 object a process; student rep_mini (--student)" in " ".join(result.stdout.split())
    assert "checkpointing" in result.stdout and "…" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert CliRunner().invoke(app, [*asked, "rep_maxi"]).exit_code == 2


def test_a_size_that_no_model_has_is_refused() -> None:
    result = CliRunner().invoke(app, ["model", "memory", "--size", "1000"])
    assert result.exit_code == 2
    assert "992 or 1024" in result.output
