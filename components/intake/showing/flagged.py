"""A dataset's faults, to what contact sheets show of them: codes for each image, files without a picture, hidden names.

Files that no image could be made of (unreadable, without mask, without image) get a tile of their own, so that none is
missing among what was flagged. What names may tell of a person isn't printed on any sheet, unless the contract has
lowered that fault to an information, which says that somebody found it harmless. Leaves out: drawing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from components.contract import Contract
from components.errors import LayoutError
from components.intake.faults import severity_of
from components.intake.layouts import Case
from components.intake.measuring.stored import may_be_an_image
from components.intake.measuring.telling_names import NAME_CODES, telling_names
from components.intake.showing.tiles import FACTS, FAULTS, TOLD_SEVERITIES, Tile, TilePixels
from components.types import Fault


@dataclass(frozen=True, slots=True)
class Flagged:
    """The faults of a dataset, and which image (by id) each file of an image or a mask belongs to."""

    faults: tuple[Fault, ...]
    owner: Mapping[str, str]

    def codes(self) -> dict[str, tuple[str, ...]]:
        """The codes of errors and warnings by image id; what a folder's name tells goes for each image in it."""
        found: dict[str, list[str]] = defaultdict(list)
        folders = {one.file: one.code for one in self._told() if one.code in NAME_CODES}
        for file, image_id in self.owner.items():
            found[image_id] += [folders[str(up)] for up in PurePosixPath(file).parents if str(up) in folders]
        for one in self._told():
            if one.file in self.owner:
                found[self.owner[one.file]].append(one.code)
        return {image_id: tuple(dict.fromkeys(codes)) for image_id, codes in found.items() if codes}

    def without_picture(self, shown: Collection[str], contract: Contract, *, phantom: bool) -> list[Tile]:
        """A tile for each file with an error, and each image with a warning, that belongs to no image `shown` (ids)."""
        found: dict[str, list[str]] = defaultdict(list)
        for one in self._told():
            place = PurePosixPath(one.file)
            if (
                place.suffix
                and self.owner.get(one.file) not in shown
                and (one.severity == "error" or may_be_an_image(place))
            ):
                found[one.file].append(one.code)
        return [
            Tile(
                image_id=PurePosixPath(file).name,
                group="",
                subject_class=None,
                phantom=phantom,
                spacing_mm=None,
                notes=tuple(dict.fromkeys(codes)),
                split=None,
                load=partial(TilePixels, None),
                file=file,
                hidden="name withheld" if tells([file], contract) else "",
            )
            for file, codes in found.items()
        ]

    def _told(self) -> Iterable[Fault]:
        return (one for one in self.faults if one.severity in TOLD_SEVERITIES)


def tells(names: Iterable[str], contract: Contract) -> bool:
    """Whether paths or ids may tell of a person, by what the contract doesn't call harmless."""
    codes = {code for name in names for code, _, _ in telling_names(PurePosixPath(name))}
    return any(severity_of(code, contract) in TOLD_SEVERITIES for code in codes)


def flagged_of(faults: Sequence[Fault], cases: Sequence[Case], *, folder: Path) -> Flagged:
    """The faults of a check and the files of its cases, which lie in `folder`."""
    owner = {case.name_of(path, folder): case.image_id for case in cases for path in (case.image, *case.masks)}
    return Flagged(tuple(faults), owner)


def read_flagged(report: Path) -> Flagged:
    """What the folder says that `validate_data` wrote; nothing without it.

    Raises
    ------
    LayoutError
        If the folder's files can't be read.
    """
    if not (report / FAULTS).is_file() or not (report / FACTS).is_file():
        return Flagged((), {})
    try:
        told: list[dict[str, Any]] = json.loads((report / FAULTS).read_text(encoding="utf-8"))["faults"]
        faults = tuple(Fault(**one) for one in told)
        facts = pd.read_parquet(report / FACTS, columns=["image_id", "image_file", "mask_files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LayoutError(
            f"{report} can't be read: {error}",
            expected=f"{FAULTS} and {FACTS} of the stage `validate_data`",
            remedy="run the stage again, or remove the folder",
        ) from None
    owner: dict[str, str] = {}
    for image_id, image_file, mask_files in facts.itertuples(index=False):
        owner |= dict.fromkeys((image_file, *filter(None, str(mask_files).split("; "))), str(image_id))
    return Flagged(faults, owner)
