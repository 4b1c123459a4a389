"""Faults and the images they stand in, to one contact sheet a fault, so that a person can look at what was flagged.

A sheet shows at most `SHEET_IMAGES` images, spread evenly over all that have the fault, with the outlines of their
objects and the file's name. Images whose tags or names may tell of a person aren't drawn, whatever else is wrong with
them; a name with a date is withheld, and burnt-in text is covered, as reports are passed on. Equal data give equal
bytes. Leaves out: the drawing itself (components/intake/showing/contact_sheet.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from components.contract import Contract
from components.intake.faults import CATALOGUE
from components.intake.layouts import Case
from components.intake.measuring.telling_names import NAME_CODES
from components.intake.showing.contact_sheet import label_colours, write_sheet
from components.intake.showing.flagged import flagged_of, tells
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
    sheets = {
        code: {number: cases[number - 1] for number in spread(found, SHEET_IMAGES)} for code, found in flagged.items()
    }
    ids = {case.image_id for chosen in sheets.values() for case in chosen.values()}
    # Of few of them are the names held.
    codes = flagged_of(faults, [case for case in cases if case.image_id in ids] if ids else (), folder=folder).codes()
    colours = label_colours(list(contract.mask.labels.values()))
    for code, chosen in sheets.items():
        found = len(flagged[code])
        out.mkdir(parents=True, exist_ok=True)
        write_sheet(
            out / f"{code}.png",
            _tiles(chosen, contract, folder, phantom=phantom, codes=codes),
            title=f"{contract.name}: {code}",
            subtitle=f"{len(chosen)} of {found} image{'s' if found > 1 else ''}, text covered where found",
            colours=colours,
        )
    return tuple(flagged)


def images_by_code(faults: Sequence[Fault], cases: Sequence[Case], *, folder: Path) -> dict[str, list[int]]:
    """In which cases each fault stands, by their numbers from 1, in the catalogue's order.

    Those that may tell of a person are left out.
    """
    if not faults:
        return {}
    named = {one.file for one in faults}
    private = {one.file for one in faults if one.code in PRIVATE}
    owner: dict[str, int] = {}
    hidden: set[int] = set()
    for number, case in enumerate(cases, 1):
        files = [case.name_of(path, folder) for path in (case.image, *case.masks)]
        owner |= dict.fromkeys(named.intersection(files), number)
        if private and any(private & _with_folders(file) for file in files):
            hidden.add(number)
    numbers: dict[str, set[int]] = {}
    for one in faults:
        if one.code not in PRIVATE and one.file in owner:
            numbers.setdefault(one.code, set()).add(owner[one.file])
    shown = {code: sorted(numbers.get(code, set()) - hidden) for code in CATALOGUE}
    return {code: found for code, found in shown.items() if found}


def _with_folders(file: str) -> set[str]:
    """A relative path and all folders above it."""
    path = Path(file)
    return {file, *(parent.as_posix() for parent in path.parents)}


def spread(numbers: Sequence[int], count: int) -> list[int]:
    """At most `count` of the numbers, evenly from first to last."""
    if len(numbers) <= count:
        return list(numbers)
    return [numbers[round(k * (len(numbers) - 1) / (count - 1))] for k in range(count)]


def _tiles(
    cases: Mapping[int, Case], contract: Contract, folder: Path, *, phantom: bool, codes: Mapping[str, Sequence[str]]
) -> list[Tile]:
    # What else is wrong with an image stands on the sheets of those faults.
    names = {image_id: [code for code in found if code in NAME_CODES] for image_id, found in codes.items()}
    tiles = tiles_of_cases(
        cases, contract, folder=folder, phantom=phantom, faults=names, tells=partial(tells, contract=contract)
    )
    return [replace(tile, image_id=PurePosixPath(tile.file).name) for tile in tiles]
