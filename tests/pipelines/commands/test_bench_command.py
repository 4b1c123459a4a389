"""`sonoforge bench` times what it says and writes what it prints."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from pipelines.cli import app


def test_the_file_holds_every_table_and_the_machine(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    arguments = ["bench", "--size", "64", "--rounds", "1", "--teacher", "micro", "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads(out.read_text())
    assert record["input_px"] == 64
    assert record["machine"]["cores"] >= 1
    assert set(record["tables"]) == {
        "image encoder",
        "prompt encoder and mask decoder (a box)",
        "reading in training, beside the model",
        "data",
    }
    assert [row["name"] for row in record["tables"]["reading in training, beside the model"]] == [
        "read, augment, prompt, 4 images",
        "student's encoder, 4 images",
    ]
    encoder = record["tables"]["image encoder"]
    assert encoder[0]["name"] == "hiera_mini"
    assert encoder[0]["ratio_to_first"] == 1


def test_an_unknown_teacher_is_misuse() -> None:
    result = CliRunner().invoke(app, ["bench", "--teacher", "huge"])
    assert result.exit_code == 2
    assert "base_plus" in result.output
