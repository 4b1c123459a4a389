"""Cases and the contract's `group.together`, to cases in which what a reviewer found to belong together is one group.

An entry joins whole groups, also those of a key or a published list, and entries that share a group join further. Each
is reported, and each name that is that of no image. Leaves out: phantoms, which only share the names; joins across
datasets; and images that are alike in pixels, which the split finds by itself (components/intake/sides/relatives.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from components.contract import Contract, Together
from components.intake.faults import fault
from components.intake.layouts.naming import candidates, suggestion
from components.intake.layouts.reading import LayoutReading
from components.intake.layouts.tree import Tree
from components.stored_list import StoredList
from components.types import Fault


def joined(reading: LayoutReading, contract: Contract, tree: Tree) -> LayoutReading:
    """Join the groups of images that the contract lists together; a joined group has the first of their names."""
    if not contract.group.together:
        return reading
    named = {
        tree.top / one
        for entry in contract.group.together
        for file in entry.files
        for one in candidates(file, reading.root, tree)
    }
    group_of = {case.image: case.group for case in reading.cases if case.image in named}
    faults = list(reading.faults)
    sets: list[frozenset[str]] = []
    for entry in contract.group.together:
        images, told = _found(entry, contract, known=group_of, root=reading.root, tree=tree)
        faults += told
        faults += _reports(entry, images, contract, tree)
        sets = _with(frozenset(group_of[image] for image in images), sets)
    name = _names(sets)
    cases = StoredList(replace(case, group=name.get(case.group, case.group)) for case in reading.cases)
    return replace(reading, cases=cases, faults=tuple(faults))


def _found(
    entry: Together, contract: Contract, *, known: Collection[Path], root: Path, tree: Tree
) -> tuple[tuple[Path, ...], list[Fault]]:
    """An entry's images, which are among the `known` ones, and a fault for each of its names that is that of none."""
    images: dict[Path, None] = {}
    faults = []
    for file in entry.files:
        named = [tree.top / one for one in candidates(file, root, tree)]
        read = [path for path in named if path in known]
        images.update(dict.fromkeys(read))
        if read:
            continue
        if named:
            name, found = named[0].relative_to(tree.top).as_posix(), "no image with annotation is read from it"
        else:
            name, found = file, f"no such file to join{suggestion(file, tree)}"
        faults.append(fault("together_unused", dataset=contract.name, file=name, found=found))
    return tuple(images), faults


def _reports(entry: Together, images: Sequence[Path], contract: Contract, tree: Tree) -> list[Fault]:
    """The same words for each image of an entry, so that reports put them on one line; none where nothing is joined."""
    if len(images) < 2:
        return []
    found = f"{len(images)} images in one group: {entry.reason} ({entry.reviewer}, {entry.date.isoformat()})"
    names = [path.relative_to(tree.top).as_posix() for path in images]
    return [fault("together", dataset=contract.name, file=name, found=found) for name in names]


def _with(one: frozenset[str], sets: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    """Disjoint sets of groups with a further one, which those that it meets become part of."""
    apart = [other for other in sets if not one & other]
    return [*apart, one.union(*(other for other in sets if one & other))]


def _names(sets: Sequence[frozenset[str]]) -> Mapping[str, str]:
    return {group: min(groups) for groups in sets for group in groups}
