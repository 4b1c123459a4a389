"""Lists of files, how they differ, and what may run code."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from components.artefacts import sha256_of, write_text
from components.listing import list_files, model_files
from components.release.files import bento_files, forget_compiled, listing_text, package_digest, unsafe_files


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their paths."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_a_bentos_list_is_all_that_runs_without_names_and_papers(tmp_path: Path) -> None:
    written = {
        "src/serving/a.py": b"1",
        "src/model/weights": b"2",
        "src/model/card.json": b"a paper",
        "src/components/card.json": b"no paper",
        "src/bentofile.yaml": b"a name",
        "env/requirements": b"3",
        "bento.yaml": b"a date",
    }
    fill(tmp_path, written)
    files = bento_files(tmp_path)
    assert list(files) == ["env/requirements", "src/components/card.json", "src/model/weights", "src/serving/a.py"]
    assert model_files(files) == {"weights": sha256_of(tmp_path / "src/model/weights")}


def test_what_python_compiled_is_in_no_list_and_can_be_forgotten(tmp_path: Path) -> None:
    fill(tmp_path, {"src/serving/__pycache__/a.pyc": b"0", "src/serving/b.pyc": b"1", "src/serving/a.py": b"2"})
    assert list(bento_files(tmp_path)) == ["src/serving/a.py", "src/serving/b.pyc"], "this one would be imported"
    forget_compiled(tmp_path)
    assert list(list_files(tmp_path)) == ["src/serving/a.py", "src/serving/b.pyc"]


def test_the_digest_of_a_list_is_that_of_its_file_and_knows_no_order(tmp_path: Path) -> None:
    files = {"b": "1", "a": "2"}
    write_text(tmp_path / "files.json", listing_text(files))
    assert package_digest(files) == sha256_of(tmp_path / "files.json") == package_digest({"a": "2", "b": "1"})
    assert package_digest(files) != package_digest({"a": "1", "b": "2"})


@pytest.mark.parametrize(
    ("name", "content", "in_model", "beside_code"),
    [
        ("a.py", b"", True, False),
        ("weights.pt", b"", True, True),
        ("a.pkl", b"", True, True),
        ("a.json", b"\x80\x04.", True, True),
        ("a.json", b"{}", False, False),
        ("a.safetensors", b"\x80\x04" + b"\0" * 6, False, False),
        ("a.css", b"\x80\x05", True, True),
    ],
)
def test_what_may_run_code(tmp_path: Path, name: str, content: bytes, in_model: bool, beside_code: bool) -> None:
    (tmp_path / name).write_bytes(content)
    assert unsafe_files(tmp_path) == [name] * in_model
    assert unsafe_files(tmp_path, model_only=False) == [name] * beside_code


def test_an_archive_under_a_safe_name_is_found(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.onnx", "w") as archive:
        archive.writestr("data.pkl", b"x")
    assert unsafe_files(tmp_path) == unsafe_files(tmp_path, model_only=False) == ["model.onnx"]
    assert list(list_files(tmp_path)) == ["model.onnx"]
