"""A folder is held against the list that it carries."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from components.artefacts import sha256_of
from components.errors import ArtefactError
from components.listing import FILES, MODEL, check_listed, differences, list_files, model_files, read_listing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder with its list and papers."""
    for name in ("weights.safetensors", "model.json", "calibration.json"):
        (tmp_path / name).write_text(name)
    files = {MODEL + name: digest for name, digest in list_files(tmp_path).items()} | {"src/code.py": "0" * 64}
    (tmp_path / FILES).write_text(json.dumps({"schema": 1, "files": files}))
    (tmp_path / "card.json").write_text("{}")
    return tmp_path


def test_a_folder_as_its_list_says_and_one_without_a_list_pass(folder: Path) -> None:
    check_listed(folder)
    assert model_files(read_listing(folder / FILES) or {}) == {
        name: sha256_of(folder / name) for name in ("weights.safetensors", "model.json", "calibration.json")
    }
    (folder / FILES).unlink()
    (folder / "calibration.json").unlink()
    check_listed(folder)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "calibration.json").write_text("{}"), "calibration.json was changed"),
        (lambda folder: (folder / "calibration.json").unlink(), "calibration.json is missing"),
        (lambda folder: (folder / "encoder.onnx").write_text("x"), "encoder.onnx was added"),
        (lambda folder: (folder / FILES).write_text("{}"), "isn't a list of files"),
    ],
)
def test_anything_else_is_refused(folder: Path, spoil: Callable[[Path], object], told: str) -> None:
    spoil(folder)
    with pytest.raises(ArtefactError, match=told) as caught:
        check_listed(folder)
    assert caught.value.remedy


def test_differences_are_named_file_by_file() -> None:
    assert differences({"a": "1", "b": "2"}, {"a": "1", "b": "2"}) == []
    found = differences({"new": "1", "same": "2", "other": "3"}, {"gone": "1", "same": "2", "other": "4"})
    assert found == ["gone is missing", "new was added", "other was changed"]
