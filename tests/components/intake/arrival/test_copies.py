"""Copies of folders from outside: plain files alone, and of those only what is wanted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.errors import LayoutError
from components.intake.arrival.copies import copy_folder, remove_files


def test_links_out_of_a_folder_are_refused_and_inner_ones_become_files(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "a").write_text("a")
    (source / "b").symlink_to("a")
    copy_folder(source, target)
    assert (target / "b").read_text() == "a"
    assert not (target / "b").is_symlink()
    (source / "c").symlink_to("/etc/passwd")
    with pytest.raises(LayoutError, match="leads out"):
        copy_folder(source, target)


def test_a_pipe_in_a_folder_is_refused_and_not_opened(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    os.mkfifo(source / "a.png")
    with pytest.raises(LayoutError, match="a pipe, a socket or a device"):
        copy_folder(source, target)


def test_files_left_out_aren_t_copied_nor_their_folders(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for name in ("a/b/one", "a/two", "c/three"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / "empty").mkdir()
    target.mkdir()
    copy_folder(source, target, leave=[source / "a/b/one", source / "c/three"])
    assert [path.relative_to(target).as_posix() for path in sorted(target.rglob("*"))] == ["a", "a/two"]
    remove_files([source / "a/b/one", source / "c/three"], source)
    assert [path.relative_to(source).as_posix() for path in sorted(source.rglob("*"))] == ["a", "a/two", "empty"]
