"""A folder from outside, to a plain copy of its files; links out of it and what is no file are refused.

Leaves out: archives (archives.py), and what the files mean.
"""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from components.artefacts import replacing
from components.errors import LayoutError

State = Mapping[Path, tuple[int, ...]]
"""For each file what no program can keep while it writes to it: its size, place, and time of change."""


def copy_folder(source: Path, target: Path, *, leave: Collection[Path] = ()) -> None:
    """Make the existing folder `target` a copy of the files of another but for those of `leave`.

    Links within the source become files, empty folders don't come along. What is there already and equal, from an
    interrupted copy, isn't written again; what doesn't belong there goes.

    Raises
    ------
    LayoutError
        If a link leads out of the folder, or nowhere, or to a folder; or if there is a pipe, a socket or a device.
    """
    top, left = source.resolve(), frozenset(leave)
    _clear_strangers(source, target)
    for path in sorted(source.rglob("*")):
        if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(top)):
            raise LayoutError(
                f"{path} is a link that leads out of {source}, or not to a file",
                expected="plain files and folders",
                remedy="replace the link by the file that it means",
            )
        if not path.is_file() and not path.is_dir():
            raise LayoutError(
                f"{path} is a pipe, a socket or a device",
                expected="plain files and folders",
                remedy="remove it, or put the file there that it stands for",
            )
        if path.is_file() and path not in left:
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            _copy_file(path, place)


def state_of(source: Path) -> State:
    """What tells later whether a file, or any file of a folder, was changed, exchanged, added or removed."""
    state = {}
    for path in [source, *source.rglob("*")] if source.is_dir() else [source]:
        try:
            itself, meant = path.lstat(), path.stat()
        except OSError:  # a link to nothing, or a file that went away
            continue
        if not path.is_dir():
            state[path] = (itself.st_ino, itself.st_ctime_ns, meant.st_ino, meant.st_ctime_ns, meant.st_size)
    return state


def refuse_changed(source: Path, before: State, *, leave: Collection[Path] = ()) -> None:
    """Make sure that nothing of a file or folder but `leave` was changed since `before`.

    Raises
    ------
    LayoutError
        Naming one such file: what was checked isn't what was copied.
    """
    now = state_of(source)
    left = frozenset(leave)
    changed = sorted(
        path for path in before.keys() | now.keys() if path not in left and before.get(path) != now.get(path)
    )
    if changed:
        raise LayoutError(
            f"{changed[0]} was changed while it was checked and copied ({len(changed)} such files in {source})",
            expected="a source that nobody writes to",
            remedy="wait until its download or copying has ended, then import again",
        )


def remove_files(files: Collection[Path], folder: Path) -> None:
    """Remove files below a folder, and the folders that they leave empty."""
    for path in files:
        path.unlink()
        for parent in path.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()


def _clear_strangers(source: Path, target: Path) -> None:
    for place in sorted(target.rglob("*"), reverse=True):
        meant = source / place.relative_to(target)
        if place.is_dir() and not meant.is_dir():
            place.rmdir()
        elif not place.is_dir() and not meant.is_file():
            place.unlink()


def _copy_file(path: Path, place: Path) -> None:
    if place.is_file() and filecmp.cmp(path, place, shallow=False):
        return
    # Contents only: a read-only original must not make a copy that can't be removed.
    with replacing(place) as beside:
        shutil.copyfile(path, beside)
