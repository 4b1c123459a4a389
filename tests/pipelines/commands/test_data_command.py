"""`sonoforge data`: exit codes, text and JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from typer.testing import CliRunner

from pipelines.commands.data import app


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with contracts and parameters, as working directory."""
    (tmp_path / "data").mkdir()
    shutil.copytree(root / "data/contracts", tmp_path / "data/contracts")
    shutil.copy(root / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def udiat(tmp_path: Path) -> Path:
    """One image and its mask in UDIAT's layout."""
    raw = tmp_path / "raw"
    pixels = np.random.default_rng(0).integers(0, 255, (160, 180), dtype=np.uint8)
    mask = np.zeros((160, 180), dtype=np.uint8)
    mask[40:90, 50:120] = 255
    for folder, content in (("original", pixels), ("GT", mask)):
        (raw / "BUS" / folder).mkdir(parents=True)
        PilImage.fromarray(content).save(raw / "BUS" / folder / "000001.png")
    return raw


def test_check_exits_0_clean_1_faulty_2_misused(project: Path, udiat: Path) -> None:
    run = CliRunner().invoke
    clean = run(app, ["check", "udiat", "--source", str(udiat)])
    assert (clean.exit_code, "Sound." in clean.stdout) == (0, True)
    (udiat / "BUS/GT/000001.png").unlink()
    faulty = run(app, ["check", "udiat", "--source", str(udiat)])
    assert faulty.exit_code == 1
    assert "error: image_without_mask (1)" in faulty.stdout
    assert "`BUS/original/000001.png`" in faulty.stdout
    for misuse, said in (
        (["check", "udiat", "--source", "nowhere"], "no folder nowhere"),
        (["check", "udiat"], "nothing of udiat is here yet"),
        (["check", "nobody"], "no contract"),
        (["import", "udiat", "nowhere"], "no such path"),
    ):
        result = run(app, misuse)
        assert result.exit_code == 2
        assert said in result.stderr
        assert "what to do:" in result.stderr


def test_check_as_json(project: Path, udiat: Path) -> None:
    (udiat / "BUS/GT/000001.png").unlink()
    result = CliRunner().invoke(app, ["check", "udiat", "--source", str(udiat), "--json"])
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["sound"], answer["images"]) == (1, False, 0)
    first = next(one for one in answer["faults"] if one["code"] == "image_without_mask")
    assert first["file"] == "BUS/original/000001.png"
    assert set(first) == {"code", "severity", "dataset", "file", "found", "expected", "remedy"}


def test_list_names_every_contract(project: Path, root: Path) -> None:
    shown = CliRunner().invoke(app, ["list"])
    rows = json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout)
    assert shown.exit_code == 0
    assert [row["name"] for row in rows] == ["busi", "ddti", "fugc", "jnu_ifm", "tn3k", "udiat"]
    assert all(f"{row['name']}: {row['anatomy']}, {row['role']}" in shown.stdout for row in rows)
    assert rows[0]["run_source"] == "components/phantom"
    assert rows[0]["images"] is None


def test_a_failed_import_lists_the_faults_and_leaves_nothing(project: Path, udiat: Path) -> None:
    (project / ".git").mkdir()
    (project / ".dvc").mkdir()
    (udiat / "BUS/GT/000001.png").unlink()
    result = CliRunner().invoke(app, ["import", "udiat", str(udiat)])
    assert result.exit_code == 1
    assert "error: image_without_mask (1)" in result.stdout
    assert "nothing was imported" in result.stderr
    assert list((project / "data/imports").iterdir()) == []
