"""A contract's entries about single files, to the files that they name; an entry that fits several is a fault.

Leaves out: what the entries do to the files (faults.py, quarantine.py, together.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from components.contract import AcceptedFault, Contract
from components.intake.faults import fault, fits
from components.intake.layouts.reading import LayoutReading, some_of
from components.intake.layouts.tree import Tree
from components.types import Fault


def ambiguous(reading: LayoutReading, contract: Contract, tree: Tree, *, phantom: bool) -> list[Fault]:
    """A fault for each entry of accepted faults, and of what reviewers say of real images, that fits several files."""
    faults = []
    for accepted, files in zip(contract.accepted_faults, _of_kinds(contract.accepted_faults, reading), strict=True):
        faults += _one(contract, "accepted_faults", accepted.file, [_name(path, tree) for path in sorted(files)])
    for entry in contract.quarantine if not phantom else ():
        meant = candidates(entry.file, reading.root, tree)
        faults += _one(contract, "quarantine", entry.file, meant or ending_in(entry.file, tree))
    joined = dict.fromkeys(file for entry in contract.group.together for file in entry.files)
    for file in joined if not phantom else ():
        meant = candidates(file, reading.root, tree)
        faults += _one(contract, "group.together", file, meant or ending_in(file, tree))
    return faults


def candidates(entry: str, root: Path, tree: Tree) -> list[str]:
    """The files that a reviewer's entry names from the dataset's root, or from the tree's top as reports do."""
    places = dict.fromkeys((root / entry, tree.top / entry))
    return [_name(place, tree) for place in places if tree.is_file(place)]


def ending_in(entry: str, tree: Tree) -> list[str]:
    """All files whose path ends in an entry."""
    name = PurePosixPath(entry).name
    places = (here.place / name for here in tree.folders.values() if here.files.place(name) is not None)
    return [file for file in (_name(place, tree) for place in places) if fits(entry, file)]


def suggestion(entry: str, tree: Tree) -> str:
    """What to add to "no such file": the one file whose path ends in an entry; nothing where there are none or more."""
    others = ending_in(entry, tree)
    return f"; is {others[0]} meant?" if len(others) == 1 else ""


def _of_kinds(entries: Sequence[AcceptedFault], reading: LayoutReading) -> list[set[Path]]:
    """For each accepted fault the files of its kind and name: an image and its mask may have one name."""
    names = [PurePosixPath(entry.file).name for entry in entries]
    found: list[set[Path]] = [set() for _ in entries]
    for case in reading.cases if entries else ():
        truths = case.masks or (case.image,)
        for entry, name, files in zip(entries, names, found, strict=True):
            if entry.code != "truncated_polygons":
                here = (case.image,) if entry.code == "unreadable_image" else truths
                files.update(path for path in here if path.name == name)
    for entry, name, files in zip(entries, names, found, strict=True):
        if entry.code == "truncated_polygons":
            files.update(path for path in reading.sheets if path.name == name)
    return found


def _one(contract: Contract, key: str, entry: str, files: list[str]) -> list[Fault]:
    fitting = [file for file in files if fits(entry, file)]
    if len(fitting) < 2:
        return []
    found = f"the entry {entry} of {key} fits {len(fitting)} files: {some_of(sorted(fitting))}"
    return [fault("ambiguous_entry", dataset=contract.name, file=".", found=found)]


def _name(path: Path, tree: Tree) -> str:
    return path.relative_to(tree.top).as_posix()
