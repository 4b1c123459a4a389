"""A raw folder in its original layout, to cases and faults: a module for each shape, two for what reviewers found.

The contract names the shape (`layout.reader`) and its options, so a further dataset of a known shape is one new
contract. Leaves out: pixels (components/intake/measuring/pixels.py) and judgement (components/intake/validate_data.py).
"""

from __future__ import annotations

import csv
import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from components.contract import CONTRACTS, Contract
from components.errors import ContractError, LayoutError
from components.intake.faults import accept_known, by_contract, check_codes, fault
from components.intake.layouts import class_folders, coco, paired_folders, video_folders, xml_polygons
from components.intake.layouts.naming import ambiguous
from components.intake.layouts.quarantine import corrections, quarantined
from components.intake.layouts.reading import (
    GROUPED_BY_NAME,
    Case,
    Corrections,
    Instance,
    LayoutReading,
    Polygon,
)
from components.intake.layouts.together import joined
from components.intake.layouts.tree import MAX_DEPTH, Tree, files_under
from components.stored_list import StoredList
from components.texts import Numbers, Texts
from components.types import Fault

__all__ = ["READERS", "Case", "Instance", "LayoutReading", "Polygon", "phantom_notice", "read_layout", "strays"]

TOOLS = frozenset({".git", ".dvc", ".dvcignore"})

READERS: dict[str, Callable[[Contract, Tree, Corrections], LayoutReading]] = {
    "class_folders": class_folders.read,
    "coco": coco.read,
    "paired_folders": paired_folders.read,
    "video_folders": video_folders.read,
    "xml_polygons": xml_polygons.read,
}


def read_layout(
    contract: Contract, folder: Path, *, phantom: bool = False, contracts: Path = CONTRACTS
) -> LayoutReading:
    """Read a dataset's folder by its contract; every case gets its group.

    The contract's quarantine takes out or corrects single files, its `group.together` joins groups. They and a
    published list of related images speak of the real images, as do `scanner` and `site`, so they aren't applied to
    phantoms, which only share the names. `contracts` is the folder in which that list and the corrections stand.

    Raises
    ------
    LayoutError
        If the folder doesn't exist, or goes deeper than `MAX_DEPTH`.
    ContractError
        If the contract names no known reader, wrong options, unknown faults, or a list of related images or a
        correction that is missing or altered.
    """
    check_codes(contract)
    reader = READERS.get(contract.layout.reader)
    if reader is None:
        raise ContractError(
            f"contract {contract.name} names the reader {contract.layout.reader!r}",
            expected=f"one of {', '.join(sorted(READERS))}",
            remedy="choose one of them, or write a module in components/intake/layouts",
        )
    if not folder.is_dir():
        raise LayoutError(
            f"{contract.name}: no folder {folder}",
            expected="the dataset in its original layout",
            remedy=f"name the folder with --source, or get the data: {contract.source.obtain}",
        )
    tree = Tree.of(folder)
    _refuse_depth(contract, tree)
    mended = {} if phantom else corrections(contract, contracts)
    # No scanner made a phantom, at no site.
    stated = contract.model_copy(update={"scanner": None, "site": None}) if phantom else contract
    reading = reader(stated, tree, mended)
    faults = list(reading.faults)
    if not phantom and (notice := tree.notice()) is not None:
        found = "the notice that the phantom generator puts beside its images"
        name = notice.relative_to(folder).as_posix()
        faults.append(fault("phantom_as_real", dataset=contract.name, file=name, found=found))
    related = {} if phantom else _related(contract, contracts)
    faults += _unlike_the_list(reading.cases, contract, related)
    faults += ambiguous(reading, contract, tree, phantom=phantom)
    cases = reading.cases
    if related:
        cases = StoredList(_grouped(case, related) for case in cases)
        faults += _flagged(cases, contract, folder)
    elif contract.group.key in GROUPED_BY_NAME:
        cases = _spelled_alike(cases)
    reading = replace(reading, cases=cases, faults=tuple(faults))
    if not phantom:
        # First what belongs together: an image that is taken out still links what it links.
        reading = quarantined(joined(reading, contract, tree), contract, tree, mended)
    return replace(reading, faults=tuple(accept_known(by_contract(reading.faults, contract), contract)))


def strays(contract: Contract, folder: Path, *, contracts: Path = CONTRACTS) -> tuple[Path, ...]:
    """The files of a real dataset's folder that no part of it is, and that nothing reads.

    They lie outside its root, or tell Git or DVC what to do: a .dvcignore would hide files from DVC.

    Raises what `read_layout` does.
    """
    reading = read_layout(contract, folder, contracts=contracts)
    return tuple(
        path
        for path in files_under(folder)
        if path not in reading.used
        and not (path.is_relative_to(reading.root) and TOOLS.isdisjoint(path.relative_to(folder).parts))
    )


def _refuse_depth(contract: Contract, tree: Tree) -> None:
    """Stop at folders within folders without end: what lies in the deepest wasn't listed."""
    if tree.too_deep:
        raise LayoutError(
            f"{contract.name}: more than {MAX_DEPTH} folders within one another in {tree.top}",
            expected="a dataset in its original layout, in a few folders",
            remedy="look at the folder: it may hold a faulty copy of itself",
        )


def phantom_notice(folder: Path) -> bool:
    """Whether the phantom generator made the images in a folder, as the notice beside them says, at any depth."""
    return Tree.of(folder).notice() is not None


def _grouped(case: Case, related: Mapping[str, tuple[str, str]]) -> Case:
    group, objection = related.get(case.image.stem.casefold(), (case.group, ""))
    return replace(case, group=group, flags=(*case.flags, objection) if objection else case.flags)


def _flagged(cases: Iterable[Case], contract: Contract, folder: Path) -> list[Fault]:
    return [
        fault("flagged_in_list", dataset=contract.name, file=case.name_of(case.image, folder), found=f"flag `{flag}`")
        for case in cases
        for flag in case.flags
    ]


def _spelled_alike(cases: Sequence[Case]) -> Sequence[Case]:
    """The cases, with groups that differ only in how they are written (P1, p1, composed accents or not) made one.

    Copies of a dataset, and its own authors, write a patient's key in several ways; told apart, the patient could
    stand on both sides of a split.
    """
    seen, places, written = Numbers(), Numbers(), Texts()
    several: dict[str, str] = {}
    for case in cases:
        if case.group in seen:
            continue
        seen[case.group] = 1
        key = _folded(case.group)
        place = places.setdefault(key, len(written))
        if place == len(written):
            written.append(case.group)
        else:
            several[key] = min(several.get(key, written[place]), case.group)
    if not several:
        return cases
    return StoredList(replace(case, group=several.get(_folded(case.group), case.group)) for case in cases)


def _folded(group: str) -> str:
    """A key without what no reader sees: case, forms of Unicode, invisible signs, blanks around it or in rows."""
    seen = "".join(sign for sign in group if unicodedata.category(sign) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold()).split())


def _unlike_the_list(cases: Sequence[Case], contract: Contract, related: Mapping[str, object]) -> list[Fault]:
    """What the list of related images says in vain: all of it under other file names, a part in a partial copy."""
    absent = set(related)
    for case in cases if related else ():
        absent.discard(case.image.stem.casefold())
    if not cases or not absent:
        return []
    code = "related_unmatched" if len(absent) == len(related) else "related_absent"
    found = f"{len(absent)} of the {len(related)} names in {contract.group.related} are those of no image here"
    return [fault(code, dataset=contract.name, file=".", found=found)]


def _related(contract: Contract, contracts: Path) -> dict[str, tuple[str, str]]:
    """The published groups of related images: {file stem in small letters: (group, objection)}."""
    if contract.group.key != "related":
        return {}
    path = contracts / (contract.group.related or "")
    if not path.is_file():
        raise ContractError(
            f"contract {contract.name}: no list of related images {path}",
            expected="the CSV file that group.related names",
            remedy="restore it beside the contract",
        )
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != contract.group.related_sha256:
        raise ContractError(
            f"{path} has sha256 {found}",
            expected=f"group.related_sha256 {contract.group.related_sha256}",
            remedy="restore the list, or put its new sha256 into the contract",
        )
    groups: dict[str, tuple[str, str]] = {}
    for row in csv.DictReader(content.decode("utf-8").splitlines()):
        # Copies from file systems that ignore case may have other capitals.
        name, stated = row["filename"].casefold(), (f"related_{row['group']}", row["objection"])
        if groups.setdefault(name, stated) != stated:
            raise ContractError(
                f"{path}: {name} stands there as {groups[name]} and as {stated}",
                expected="one group and objection for each name",
                remedy="correct the list, and put its new sha256 into the contract",
            )
    return groups
