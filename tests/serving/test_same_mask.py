"""The command line and the endpoint give the same masks to the bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import typer
from PIL import Image as PilImage
from starlette.testclient import TestClient
from typer.testing import CliRunner

from components.masks import from_rle
from pipelines.commands import segment as command


def test_command_line_and_endpoint_agree(client: TestClient, model_folder: Path, png: bytes, tmp_path: Path) -> None:
    app = typer.Typer()
    command.register(app)
    source, out = tmp_path / "scan.png", tmp_path / "mask.png"
    source.write_bytes(png)
    typed = ["--box", "31", "16", "60", "45", "--box", "2.5", "3", "20", "50", "--point", "45", "30", "1"]
    ran = CliRunner().invoke(app, [str(source), *typed, "--model", str(model_folder), "--out", str(out), "--json"])
    assert ran.exit_code == 0, ran.output
    points = [{"x": 45, "y": 30, "positive": True}]
    prompts = {"objects": [{"box": [31, 16, 60, 45], "points": points}, {"box": [2.5, 3, 20, 50]}]}
    answer = client.post("/v1/segment", files={"image": png}, data={"prompts": json.dumps(prompts)}).json()
    printed = json.loads(ran.stdout)
    assert printed["objects"] == answer["objects"]
    assert printed["model"]["digest"] == answer["model"]["digest"]
    first, second = (from_rle(found["mask"]) for found in answer["objects"])
    expected = np.where(second, 2, np.where(first, 1, 0))
    np.testing.assert_array_equal(np.asarray(PilImage.open(out)), expected)
