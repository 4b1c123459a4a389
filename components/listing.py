"""The list of a package's files (`files.json`), and what of a folder isn't as it says.

A released model folder, and the Bento that carries it, hold the list of all files that were judged, each with its
sha256. Whoever loads such a folder compares. Leaves out: making the list (components/release/files.py), and who vouches
for the list itself (components/release/records).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from components.artefacts import sha256_of
from components.errors import ArtefactError

FILES = "files.json"
PAPERS = frozenset({"card.json", "card.md", "gate.json", FILES})
"""What is written after the judgement, and in no list."""
MODEL = "src/model/"
"""Where a Bento carries its model folder."""
RESTORE = "don't use these files; restore the folder from a backup or from its Bento, or promote the model again"

Listing = Mapping[str, str]
"""Paths with forward slashes, relative to a folder, to sha256."""


def list_files(folder: Path, below: Iterable[str] = (".",)) -> dict[str, str]:
    """All files under some parts of a folder, in the order of their names."""
    paths = {path for part in below for path in (folder / part).rglob("*") if path.is_file()}
    return {name: sha256_of(folder / name) for name in sorted(path.relative_to(folder).as_posix() for path in paths)}


def model_files(files: Listing) -> dict[str, str]:
    """The files of the model folder that a Bento's list names, relative to that folder."""
    return {name.removeprefix(MODEL): digest for name, digest in files.items() if name.startswith(MODEL)}


def differences(found: Listing, expected: Listing) -> list[str]:
    """How what is there differs from what should be, a phrase for each file; empty where nothing does."""
    gone = [f"{name} is missing" for name in expected.keys() - found.keys()]
    added = [f"{name} was added" for name in found.keys() - expected.keys()]
    changed = [f"{name} was changed" for name in found.keys() & expected.keys() if found[name] != expected[name]]
    return sorted(gone + added + changed)


def read_listing(path: Path) -> dict[str, str] | None:
    """The list of a package's files; None where there is none.

    Raises
    ------
    ArtefactError
        If it isn't such a list.
    """
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        if not all(isinstance(name, str) and isinstance(digest, str) for name, digest in files.items()):
            raise TypeError("it lists something else than files and their sha256")
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ArtefactError(
            f"{path} isn't a list of files: {type(error).__name__}: {error}",
            expected="each file of the package with its sha256",
            remedy=RESTORE,
        ) from None
    return dict(files)


def check_listed(folder: Path) -> None:
    """Make sure that the files of a model folder are those that its list names, and papers, if it has a list.

    Raises
    ------
    ArtefactError
        If one is missing, was changed or added, or the list is broken.
    """
    listing = read_listing(folder / FILES)
    if listing is None:
        return
    found = {name: digest for name, digest in list_files(folder).items() if name not in PAPERS}
    if wrong := differences(found, model_files(listing)):
        raise ArtefactError(
            f"{folder} isn't as it was judged: {', '.join(wrong)}",
            expected=f"the files with the sha256 that its {FILES} lists",
            remedy=RESTORE,
        )
