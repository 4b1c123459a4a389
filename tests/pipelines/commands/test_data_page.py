"""`sonoforge data page`: one page to the terminal, all of them to a folder, and how misuse reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.contract import contract_names
from pipelines.commands.data import app


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with contracts, as working directory."""
    (tmp_path / "data").mkdir()
    shutil.copytree(root / "data/contracts", tmp_path / "data/contracts")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_page_is_printed_or_written(project: Path) -> None:
    shown = CliRunner().invoke(app, ["page", "tn3k"])
    assert shown.exit_code == 0
    assert shown.stdout.startswith("# tn3k: ")
    assert not (project / "docs").exists()
    assert CliRunner().invoke(app, ["page", "tn3k", "--out", "here"]).exit_code == 0
    assert [path.name for path in (project / "here").iterdir()] == ["tn3k.md"]
    assert (project / "here/tn3k.md").read_text(encoding="utf-8") == shown.stdout


def test_all_pages_and_their_table_go_to_docs(project: Path) -> None:
    assert CliRunner().invoke(app, ["page", "--all"]).exit_code == 0
    written = {path.name for path in (project / "docs/datasets").iterdir()}
    assert written == {"README.md", *(f"{name}.md" for name in contract_names())}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "name a dataset, or give --all"), (["busi", "--all"], "name a dataset"), (["nobody"], "no contract")],
)
def test_misuse_is_told(arguments: list[str], said: str, project: Path) -> None:
    result = CliRunner().invoke(app, ["page", *arguments])
    assert result.exit_code == 2
    assert said in result.stderr
