"""`sonoforge bench data` times what surrounds the models, and writes what it prints."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from pipelines.cli import app


def test_the_file_holds_every_table_and_the_machine(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    result = CliRunner().invoke(app, ["bench", "data", "--size", "64", "--rounds", "1", "--out", str(out)])
    assert result.exit_code == 0, result.output
    record = json.loads(out.read_text())
    assert record["input_px"] == 64
    assert record["machine"]["cores"] >= 1
    assert set(record["tables"]) == {"reading in training, beside the model", "preprocessing", "phantom generator"}
    assert [row["name"] for row in record["tables"]["reading in training, beside the model"]] == [
        "read, augment, prompt, 4 images",
        f"{record['student']}'s encoder, 4 images",
    ]
    assert [row["name"] for row in record["tables"]["preprocessing"]] == ["preprocess 800x600"]
    assert "Few turns (1)" in result.output and "{" not in result.output
