"""Harmonised records, or the cases of a raw folder, to what a contact sheet shows of each image.

A tile knows what is said of its image (class, group, flags, faults) and decodes its pixels when it is drawn, so that a
page costs only its own images. Leaves out: drawing (components/intake/showing/contact_sheet.py).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from components.contract import Contract
from components.errors import LayoutError
from components.intake.form.records import load_image, load_instances
from components.intake.layouts import Case, LayoutReading
from components.intake.measuring.pixels import read_case
from components.types import Image, InstanceMask, ObjectTruth, Record

FAULTS, FACTS = "faults.json", "facts.parquet"
# An information, such as that two images are equal, isn't a reason to look at a picture.
TOLD_SEVERITIES = ("error", "warning")


@dataclass(frozen=True, slots=True)
class TilePixels:
    """A tile's decoded image and objects; where the image can't be shown, why."""

    image: Image | None
    instances: InstanceMask | None = None
    objects: tuple[ObjectTruth, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """One image of a contact sheet; `notes` are its flags and the codes of its faults."""

    image_id: str
    group: str
    subject_class: str | None
    phantom: bool
    spacing_mm: tuple[float, float] | None
    notes: tuple[str, ...]
    split: str | None
    load: Callable[[], TilePixels]


def in_order(tiles: Iterable[Tile]) -> list[Tile]:
    """Tiles sorted as a person would: image 2 before image 10."""

    def parts(tile: Tile) -> list[tuple[int, str]]:
        return [(int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", tile.image_id)]

    return sorted(tiles, key=parts)


def tiles_of_records(
    records: Sequence[Record], *, faults: Mapping[str, Sequence[str]], splits: Mapping[str, str]
) -> list[Tile]:
    """Tiles of harmonised images.

    Parameters
    ----------
    faults
        Codes of faults by image id, as `fault_codes` reads them.
    splits
        train, val or test by image id; images without one show none.
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
            load=partial(_load_record, record),
        )
        for record in records
    ]


def tiles_of_cases(reading: LayoutReading, contract: Contract, *, folder: Path, phantom: bool) -> list[Tile]:
    """Tiles of a raw folder that nobody harmonised yet; notes are flags, and faults that the layout alone shows."""
    codes: dict[str, list[str]] = defaultdict(list)
    for one in reading.faults:
        if one.severity in TOLD_SEVERITIES:
            codes[one.file].append(one.code)
    tiles = []
    for case in reading.cases:
        files = [case.name_of(path, folder) for path in (case.image, *case.masks)]
        notes = (*case.flags, *(code for file in files for code in codes.get(file, ())))
        tiles.append(
            Tile(
                image_id=case.image_id,
                group=case.group,
                subject_class=case.subject_class,
                phantom=phantom,
                spacing_mm=contract.spacing_mm,
                notes=tuple(dict.fromkeys(notes)),
                split=None,
                load=partial(_load_case, case, contract),
            )
        )
    return tiles


def _load_record(record: Record) -> TilePixels:
    return TilePixels(load_image(record), load_instances(record), record.objects)


def _load_case(case: Case, contract: Contract) -> TilePixels:
    pixels = read_case(case, contract)
    problem = "; ".join(f"{path.name}: {found}" for _, path, found in pixels.problems)
    return TilePixels(pixels.image, pixels.instances, pixels.objects, problem)


def fault_codes(report: Path) -> dict[str, tuple[str, ...]]:
    """The codes of errors and warnings by image id, from the folder that `validate_data` wrote; empty without it.

    Raises
    ------
    LayoutError
        If the folder's files can't be read.
    """
    if not (report / FAULTS).is_file() or not (report / FACTS).is_file():
        return {}
    try:
        faults: list[dict[str, Any]] = json.loads((report / FAULTS).read_text(encoding="utf-8"))["faults"]
        facts = pd.read_parquet(report / FACTS, columns=["image_id", "image_file", "mask_files"])
    except (OSError, ValueError, KeyError) as error:
        raise LayoutError(
            f"{report} can't be read: {error}",
            expected=f"{FAULTS} and {FACTS} of the stage `validate_data`",
            remedy="run the stage again, or remove the folder",
        ) from None
    owner: dict[str, str] = {}
    for image_id, image_file, mask_files in facts.itertuples(index=False):
        owner |= dict.fromkeys((image_file, *str(mask_files).split("; ")), str(image_id))
    codes: dict[str, list[str]] = defaultdict(list)
    for one in faults:
        if one["severity"] in TOLD_SEVERITIES and one["file"] in owner:
            codes[owner[one["file"]]].append(one["code"])
    return {image_id: tuple(dict.fromkeys(found)) for image_id, found in codes.items()}
