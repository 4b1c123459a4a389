"""Faults and the images they stand in, to one contact sheet a fault, so that a person can look at what was flagged.

A sheet shows at most `SHEET_IMAGES` images, spread evenly over all that have the fault, with the outlines of their
objects and the file's name. Images whose tags or names may tell of a person aren't drawn, whatever else is wrong with
them. Equal data give equal bytes. Leaves out: the drawing itself (components/intake/showing/contact_sheet.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from components.contract import Contract
from components.intake.faults import CATALOGUE
from components.intake.layouts import Case, LayoutReading
from components.intake.showing.contact_sheet import label_colours, write_sheet
from components.intake.showing.tiles import Tile, tiles_of_cases
from components.types import Fault

SHEET_IMAGES = 10
PRIVATE = frozenset({"identity_tag", "identity_in_name"})


def write_thumbnails(
    out: Path, faults: Sequence[Fault], cases: Sequence[Case], contract: Contract, *, folder: Path, phantom: bool
) -> tuple[str, ...]:
    """Draw one sheet for each fault that stands in images, to `<out>/<code>.png`; returns the codes.

    `folder` is the dataset's folder, which the faults' files are relative to. Nothing is made where nothing is flagged.
    """
    flagged = images_by_code(faults, cases, folder=folder)
    colours = label_colours(list(contract.mask.labels.values()))
    for code, found in flagged.items():
        chosen = spread(found, SHEET_IMAGES)
        out.mkdir(parents=True, exist_ok=True)
        write_sheet(
            out / f"{code}.png",
            [_tile(case, contract, folder, phantom=phantom) for case in chosen],
            title=f"{contract.name}: {code}",
            subtitle=f"{len(chosen)} of {len(found)} image{'s' if len(found) > 1 else ''}",
            colours=colours,
        )
    return tuple(flagged)


def images_by_code(faults: Sequence[Fault], cases: Sequence[Case], *, folder: Path) -> dict[str, list[Case]]:
    """Which cases each fault stands in, in the catalogue's order, without those that may tell of a person."""
    if not faults:
        return {}
    owner: dict[str, int] = {}
    for number, case in enumerate(cases):
        owner |= dict.fromkeys((case.name_of(path, folder) for path in (case.image, *case.masks)), number)
    private = {one.file for one in faults if one.code in PRIVATE}
    hidden = {number for file, number in owner.items() if private & _with_folders(file)}
    numbers: dict[str, set[int]] = {}
    for one in faults:
        if one.code not in PRIVATE and one.file in owner:
            numbers.setdefault(one.code, set()).add(owner[one.file])
    shown = {code: sorted(numbers.get(code, set()) - hidden) for code in CATALOGUE}
    return {code: [cases[number] for number in found] for code, found in shown.items() if found}


def _with_folders(file: str) -> set[str]:
    """A relative path and all folders above it."""
    path = Path(file)
    return {file, *(parent.as_posix() for parent in path.parents)}


def spread(items: Sequence[Case], number: int) -> list[Case]:
    """At most `number` of the items, evenly from first to last."""
    if len(items) <= number:
        return list(items)
    return [items[round(k * (len(items) - 1) / (number - 1))] for k in range(number)]


def _tile(case: Case, contract: Contract, folder: Path, *, phantom: bool) -> Tile:
    (tile,) = tiles_of_cases(LayoutReading(folder, (case,), ()), contract, folder=folder, phantom=phantom)
    return replace(tile, image_id=Path(case.name_of(case.image, folder)).name)
