"""Harmonised records, or the cases of a raw folder, to what a contact sheet shows of each image.

A tile knows what is said of its image (class, group, flags, faults) and decodes its pixels when it is drawn, so that a
page costs only its own images. Text that is burnt in is covered, unless it is asked for: a sheet is soon passed on.
What the finder of text misses (docs/data.md) stays readable. Leaves out: drawing (contact_sheet.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from components.contract import Contract
from components.intake.form.records import load_image, load_instances
from components.intake.layouts import Case
from components.intake.measuring.burnt_in import without_text
from components.intake.measuring.pixels import read_case
from components.intake.measuring.telling_names import NAME_CODES
from components.types import Image, InstanceMask, ObjectTruth, Record

FAULTS, FACTS = "faults.json", "facts.parquet"
# An information, such as that two images are equal, isn't a reason to look at a picture.
TOLD_SEVERITIES = ("error", "warning")


@dataclass(frozen=True, slots=True)
class TilePixels:
    """A tile's decoded image and objects; where it can't be shown, why; and how many lines of text are covered."""

    image: Image | None
    instances: InstanceMask | None = None
    objects: tuple[ObjectTruth, ...] = ()
    problem: str = ""
    covered: int = 0


@dataclass(frozen=True, slots=True)
class Tile:
    """One image of a contact sheet; `notes` are its flags and the codes of its faults.

    `file` is what is named where nothing can be drawn. `hidden` is printed in place of all names, where these may tell
    of a person.
    """

    image_id: str
    group: str
    subject_class: str | None
    phantom: bool
    spacing_mm: tuple[float, float] | None
    notes: tuple[str, ...]
    split: str | None
    load: Callable[[], TilePixels]
    file: str = ""
    hidden: str = ""


def in_order(tiles: Iterable[Tile]) -> list[Tile]:
    """Tiles sorted as a person would: image 2 before image 10."""

    def parts(tile: Tile) -> list[tuple[int, str]]:
        return [(int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", tile.image_id)]

    return sorted(tiles, key=parts)


def tiles_of_records(
    records: Sequence[Record],
    *,
    faults: Mapping[str, Sequence[str]],
    splits: Mapping[str, str],
    tells: Callable[[Sequence[str]], bool],
    show_text: bool = False,
) -> list[Tile]:
    """Tiles of harmonised images.

    Parameters
    ----------
    faults
        Codes of errors and warnings by image id.
    splits
        train, val or test by image id; images without one show none.
    tells
        Whether names may tell of a person.
    show_text
        Whether burnt-in text stays as it is.
    """
    return [
        Tile(
            image_id=record.image_id,
            group=record.group,
            subject_class=record.subject_class,
            phantom=record.phantom,
            spacing_mm=record.spacing_mm,
            notes=tuple(dict.fromkeys((*record.flags, *faults.get(record.image_id, ())))),
            split=splits.get(record.image_id),
            load=partial(_load_record, record, show_text=show_text),
            file=record.image_id,
            hidden=_hidden(number, (record.image_id, record.group), faults.get(record.image_id, ()), tells),
        )
        for number, record in enumerate(records, 1)
    ]


def tiles_of_cases(
    cases: Mapping[int, Case],
    contract: Contract,
    *,
    folder: Path,
    phantom: bool,
    faults: Mapping[str, Sequence[str]],
    tells: Callable[[Sequence[str]], bool],
    show_text: bool = False,
) -> list[Tile]:
    """Tiles of a raw folder's cases, by their numbers in it; other parameters as in `tiles_of_records`."""
    tiles = []
    for number, case in cases.items():
        files = [case.name_of(path, folder) for path in (case.image, *case.masks)]
        codes = faults.get(case.image_id, ())
        hidden = _hidden(number, (*files, case.image_id, case.group), codes, tells)
        tiles.append(
            Tile(
                image_id=case.image_id,
                group=case.group,
                subject_class=case.subject_class,
                phantom=phantom,
                spacing_mm=contract.spacing_mm,
                notes=tuple(dict.fromkeys((*case.flags, *codes))),
                split=None,
                load=partial(_load_case, case, contract, named=not hidden, show_text=show_text),
                file=files[0],
                hidden=hidden,
            )
        )
    return tiles


def _hidden(number: int, names: Sequence[str], codes: Sequence[str], tells: Callable[[Sequence[str]], bool]) -> str:
    """What stands in place of names that may tell of a person: the image's number in its dataset."""
    withheld = not set(NAME_CODES).isdisjoint(codes) or tells(names)
    return f"image {number}, name withheld" if withheld else ""


def _load_record(record: Record, *, show_text: bool) -> TilePixels:
    image, covered = (load_image(record), 0) if show_text else without_text(load_image(record))
    return TilePixels(image, load_instances(record), record.objects, covered=covered)


def _load_case(case: Case, contract: Contract, *, named: bool, show_text: bool) -> TilePixels:
    pixels = read_case(case, contract)
    told = [f"{path.name}: {found}" if named else code for code, path, found in pixels.problems]
    image, covered = (pixels.image, 0) if show_text or pixels.image is None else without_text(pixels.image)
    return TilePixels(image, pixels.instances, pixels.objects, "; ".join(told), covered)
