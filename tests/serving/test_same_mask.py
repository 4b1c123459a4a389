"""The command line and the endpoint give the same masks to the bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import typer
from PIL import Image as PilImage
from starlette.testclient import TestClient
from typer.testing import CliRunner

from components.artefacts import read_description
from components.masks import from_rle
from components.promptable.calibration import write_calibration
from components.types import Prompt
from pipelines.commands import segment as command
from serving.engine.predictor import Predictor
from tests.components.promptable.calibrations import make_calibration
from tests.serving.small import SETTINGS


def test_they_are_as_sure_of_them_and_warn_alike(model_folder: Path, png: bytes, tmp_path: Path) -> None:
    folder, source = tmp_path / "calibrated", tmp_path / "scan.png"
    shutil.copytree(model_folder, folder)
    digest = read_description(folder).digest
    write_calibration(folder, make_calibration(digest, threshold=1.0, limit=1e-6))
    source.write_bytes(png)
    app = typer.Typer()
    command.register(app)
    asked = [str(source), "--box", "31", "16", "60", "45", "--model", str(folder), "--out", str(tmp_path / "o.png")]
    printed = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    answer = Predictor.load(folder, settings=SETTINGS).segment([Prompt((31.0, 16.0, 60.0, 45.0))], image=png)
    answered = [each.model_dump(mode="json") for each in answer.objects]
    assert printed["objects"] == answered and printed["objects"][0]["abstain"]
    assert answer.image.guard is not None and printed["image"]["guard"]["score"] == answer.image.guard.score
    said = CliRunner().invoke(app, asked).stdout
    assert "doesn't look like" in said and "WARNING: don't rely on this outline: confidence 0." in said


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
