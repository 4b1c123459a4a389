"""The stage that brings an import to data/01_raw."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.errors import LayoutError
from components.intake.ingest import ingest


def test_the_stage_copies_an_imported_folder(tmp_path: Path) -> None:
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/sub/a").write_text("a")
    ingest(tmp_path / "in", out=tmp_path / "out")
    assert (tmp_path / "out/sub/a").read_text() == "a"
    with pytest.raises(LayoutError, match="dvc checkout"):
        ingest(tmp_path / "nowhere", out=tmp_path / "out")
    assert (tmp_path / "out/sub/a").exists()


def test_an_interrupted_copy_goes_on_and_changed_files_are_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c", "sub/d"):
        (source / name).write_text(f"first {name}")
    copied: list[str] = []
    real = shutil.copyfile

    def stops_at_the_third(path: Path, place: Path) -> None:
        if len(copied) == 2:
            raise KeyboardInterrupt
        copied.append(path.name)
        real(path, place)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(shutil, "copyfile", stops_at_the_third)
        ingest(source, out=out)
    assert not out.exists() and copied == ["a", "b"]
    (source / "b").write_text("other b")  # of equal length
    (source / "a").unlink()
    copied.clear()
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", lambda path, place: (copied.append(path.name), real(path, place)))
        (source / "sub/d").unlink()
        ingest(source, out=out)
    assert copied == ["b", "c"]
    assert {path.relative_to(out).as_posix(): path.read_text() for path in out.rglob("*") if path.is_file()} == {
        "b": "other b",
        "sub/c": "first sub/c",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
