"""A file that was cut, emptied or altered is told as such, before a word is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from components.errors import ArtefactError
from components.evaluation.reporting.page.results import read_results

JSON = ("internal/metrics", "gate", "promotion", "package", "document/documents")


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Path:
    """The project's reports and model, to be broken; its images are shared."""
    shutil.copytree(project / "reports", tmp_path / "reports")
    shutil.copytree(project / "models", tmp_path / "models")
    (tmp_path / "data").symlink_to(project / "data")
    return tmp_path


@pytest.mark.parametrize("name", JSON)
def test_a_broken_file_is_an_error_that_names_it(copy: Path, name: str) -> None:
    path = copy / f"reports/{name}.json"
    whole = path.read_text(encoding="utf-8")
    for text in (whole[: len(whole) // 2], "[]", "{}", "null", "", "\x00"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ArtefactError, match=f"reports/{name}.json"):
            read_results(copy)
    path.unlink()
    with pytest.raises(ArtefactError, match=f"reports/{name}.json"):
        read_results(copy)


def test_broken_cases_and_unknown_verdicts_are_errors(copy: Path) -> None:
    read_results(copy)
    for name, key, value in (("gate", "verdict", "FINE"), ("promotion", "action", "lost"), ("gate", "checks", [1])):
        path = copy / f"reports/{name}.json"
        whole = path.read_text(encoding="utf-8")
        path.write_text(json.dumps({**json.loads(whole), key: value}), encoding="utf-8")
        with pytest.raises(ArtefactError, match=f"reports/{name}.json"):
            read_results(copy)
        path.write_text(whole, encoding="utf-8")
    cases = copy / "reports/internal/cases.parquet"
    cases.write_bytes(cases.read_bytes()[:100])
    with pytest.raises(ArtefactError, match=r"cases\.parquet"):
        read_results(copy)
