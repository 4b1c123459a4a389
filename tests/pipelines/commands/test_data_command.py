"""`sonoforge data`: exit codes, text and JSON."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from typer.testing import CliRunner

from components.contract import contract_names
from components.intake import imports
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


def test_check_takes_archives_and_leaves_nothing_behind(
    project: Path, udiat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    run = CliRunner().invoke
    folder = run(app, ["check", "udiat", "--source", str(udiat), "--json"])
    for form in ("zip", "tar", "gztar"):
        archive = shutil.make_archive(str(tmp_path / "udiat"), form, udiat)
        result = run(app, ["check", "udiat", "--source", archive, "--json"])
        assert result.exit_code == 0
        answer = json.loads(result.stdout)
        assert answer.pop("folder") == archive
        assert answer == {key: value for key, value in json.loads(folder.stdout).items() if key != "folder"}
    (tmp_path / "cut.zip").write_bytes((tmp_path / "udiat.zip").read_bytes()[:500])
    cut = run(app, ["check", "udiat", "--source", str(tmp_path / "cut.zip")])
    assert (cut.exit_code, "cut.zip: not a whole archive" in cut.stderr) == (1, True)
    monkeypatch.setattr("components.intake.arrival.archives.MAX_BYTES", 1000)
    bomb = run(app, ["check", "udiat", "--source", str(tmp_path / "udiat.zip")])
    assert (bomb.exit_code, "unpacks to more than 1,000 bytes" in bomb.stderr) == (1, True)
    assert list(scratch.iterdir()) == []


def test_check_as_json(project: Path, udiat: Path) -> None:
    (udiat / "BUS/GT/000001.png").unlink()
    result = CliRunner().invoke(app, ["check", "udiat", "--source", str(udiat), "--json"])
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["sound"], answer["images"]) == (1, False, 0)
    first = next(one for one in answer["faults"] if one["code"] == "image_without_mask")
    assert first["file"] == "BUS/original/000001.png"
    assert set(first) == {"code", "severity", "dataset", "file", "found", "expected", "remedy"}


def test_a_copied_contract_is_warned_of(project: Path, udiat: Path) -> None:
    text = (project / "data/contracts/udiat.yaml").read_text()
    (project / "data/contracts/mine.yaml").write_text(text.replace("name: udiat", "name: mine"))
    for command in (["check", "mine", "--source", str(udiat)], ["page", "mine"], ["page", "--all"]):
        told = CliRunner().invoke(app, command)
        assert "Warning: the source of mine has the address" in told.stderr and "Warning" not in told.stdout
    assert "Warning" not in CliRunner().invoke(app, ["page", "busi"]).stderr


def test_list_names_every_contract(project: Path, root: Path) -> None:
    shown = CliRunner().invoke(app, ["list"])
    rows = json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout)
    assert shown.exit_code == 0
    assert [row["name"] for row in rows] == list(contract_names(root / "data/contracts"))
    assert all(f"{row['name']}: {row['anatomy']}, {row['role']}" in shown.stdout for row in rows)
    table = shown.stdout.splitlines()[: len(rows) + 1]
    head, *lines = (line.split() for line in table)
    assert head[-4:] == ["train", "pass", "on", "commercial"]
    assert all(len(line) <= 80 for line in shown.stdout.splitlines() if "http" not in line)
    assert next(line for line in lines if line[0] == "busi")[-4] == "phantoms"
    assert {line[0]: line[-3:] for line in lines} == {
        row["name"]: [row["licence"][use] for use in ("train", "redistribute", "commercial")] for row in rows
    }
    told = " ".join(shown.stdout.split())
    assert "train: not known here, as the licence's text wasn't seen: read it where the images are published" in told
    assert "train: credit the authors by the citation" in told
    assert {row["import"] for row in rows} == {None}
    busi = next(row for row in rows if row["name"] == "busi")
    assert (busi["run_source"], busi["images"]) == ("components/phantom", None)


def test_a_failed_import_lists_the_faults_and_leaves_nothing(project: Path, udiat: Path) -> None:
    (project / ".git").mkdir()
    (project / ".dvc").mkdir()
    (udiat / "BUS/GT/000001.png").unlink()
    result = CliRunner().invoke(app, ["import", "udiat", str(udiat)])
    assert result.exit_code == 1
    assert "error: image_without_mask (1)" in result.stdout
    assert "nothing was imported" in result.stderr
    assert list((project / "data/imports").iterdir()) == []


@pytest.fixture
def dvc_added(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for git, DVC and `dvc add`, which takes seconds."""
    (project / ".git").mkdir()
    (project / ".dvc").mkdir()

    def run(command: list[str], *, cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        (cwd / f"{command[-1]}.dvc").write_text("outs: []\n")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(imports.subprocess, "run", run)


@pytest.mark.usefixtures("dvc_added")
@pytest.mark.parametrize("as_json", [False, True])
def test_an_archive_that_is_not_the_published_one_is_warned_of(as_json: bool, project: Path, udiat: Path) -> None:
    path = project / "data/contracts/udiat.yaml"
    listed = (
        f"      files:\n        - {{name: udiat.zip, sha256: '{'0' * 64}', stated_by: the test}}\n      form: request\n"
    )
    path.write_text(path.read_text().replace("      form: request\n", listed))
    archive = Path(shutil.make_archive(str(project / "udiat"), "zip", udiat))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    result = CliRunner().invoke(app, ["import", "udiat", str(archive), *(["--json"] if as_json else [])])
    assert result.exit_code == 0
    assert f"Warning: this isn't the published archive: udiat.zip has sha256 {digest}" in result.stderr
    assert "0" * 64 in result.stderr
    if as_json:
        answer = json.loads(result.stdout)
        assert (answer["import"]["sha256"], answer["import"]["published"]["verdict"]) == (digest, "different")
    else:
        assert f'- {{name: "udiat.zip", sha256: {digest}, size_bytes: {archive.stat().st_size}, ' in result.stdout
        assert "git add params.yaml data/imports/udiat.dvc data/imports/udiat.json" in result.stdout
        assert "sonoforge data keep-sides" in result.stdout
        assert "Licence, train: within the agreement that each user signs: research only" in result.stdout


@pytest.mark.usefixtures("dvc_added")
def test_list_says_where_an_import_came_from(project: Path, udiat: Path) -> None:
    archive = Path(shutil.make_archive(str(project / "copy"), "gztar", udiat))
    assert CliRunner().invoke(app, ["import", "udiat", str(archive)]).exit_code == 0
    rows = {row["name"]: row for row in json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout)}
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (rows["udiat"]["import"]["name"], rows["udiat"]["import"]["sha256"]) == ("copy.tar.gz", digest)
    assert rows["busi"]["import"] is None
    shown = CliRunner().invoke(app, ["list"]).stdout
    assert next(line for line in shown.splitlines() if line.startswith("udiat ")).split()[2] == "imported"
    assert f"from the archive copy.tar.gz ({archive.stat().st_size:,} bytes, sha256 {digest})" in shown
    (project / "data/imports/udiat.json").write_text("{}")
    broken = CliRunner().invoke(app, ["list"])
    assert broken.exit_code == 2
    assert "isn't the record of an import" in broken.stderr
