"""Layout `paired_folders`: images in one folder, masks in another, paired by pattern (TN3K, UDIAT, FUGC).

A dataset has one or more parts, each with its own folders and, where the authors give one, its official split.
Labels come from a CSV or XLSX table, cross-validation folds from JSON; both are checked against the images.
Leaves out: decoding anything; using the folds (they only prove that the copy is complete).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.contract import Contract
from components.intake.layouts.pattern import blanks, fill, fixed_folder, matching
from components.intake.layouts.reading import Case, LayoutReading, Options, Reader, find_root, image_id_of
from components.intake.layouts.tables import LabelTable, read_labels


class Part(BaseModel):
    """One pair of folders. `masks` is None for images that have no annotation.

    `images` and `masks` are patterns relative to the root with the same blanks, one of them `{stem}`; `prefix`
    goes in front of every image id, as numbering may start again in each part.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: str
    masks: str | None
    prefix: str = ""
    split: str | None = None
    labels: LabelTable | None = None
    required: bool = True

    @model_validator(mode="after")
    def _same_blanks(self) -> Self:
        if "stem" not in blanks(self.images):
            raise ValueError("`images` needs the blank {stem}")
        if self.masks is not None and set(blanks(self.masks)) != set(blanks(self.images)):
            raise ValueError("`images` and `masks` need the same blanks")
        return self


class PairedFolders(Options):
    """`folds`: JSON files {"train": [number…], "val": [number…]} over the part at `folds_part`."""

    parts: tuple[Part, ...] = Field(min_length=1)
    folds: tuple[str, ...] = ()
    folds_part: int = 0


def read(contract: Contract, folder: Path) -> LayoutReading:
    """Read a tree of image and mask folders."""
    options = PairedFolders.of(contract)
    wanted = [fixed_folder(p) for part in options.parts for p in (part.images, part.masks) if p]
    reader = Reader(contract, folder, find_root(folder, wanted))
    stems = [_read_part(reader, part) for part in options.parts]
    for name in options.folds:
        _check_fold(reader, reader.root / name, stems[options.folds_part])
    return reader.reading(options)


def _read_part(reader: Reader, part: Part) -> set[str]:
    """Read one part's cases; returns the stems of all its images."""
    if not _folders_exist(reader, part):
        return set()
    images = matching(reader.root, part.images)
    masks = matching(reader.root, part.masks) if part.masks else {}
    classes = read_labels(reader, part.labels, reader.root / part.labels.file) if part.labels else {}
    for image, values in images.items():
        if part.masks is None:
            reader.without_mask(image, "a part without annotation")
            continue
        mask = reader.root / fill(part.masks, values)
        if mask not in masks:
            reader.without_mask(image, f"no {fixed_folder(part.masks)}/ mask of this name")
            continue
        subject_class = classes.get(values["stem"])
        if classes and subject_class is None:
            reader.fault("label_missing", image, f"no row in {part.labels.file if part.labels else ''}")
        image_id = image_id_of(part.prefix, *values.values())
        reader.add(Case(image_id, image, (mask,), subject_class=subject_class, official_split=part.split))
    _orphans(reader, part, images, masks)
    stems = {values["stem"] for values in images.values()}
    if part.labels:
        table = reader.root / part.labels.file
        missing = sorted(set(classes) - stems)
        if missing:
            reader.fault("label_without_image", table, f"{len(missing)} rows without image: {_some(missing)}")
    return stems


def _folders_exist(reader: Reader, part: Part) -> bool:
    """Report missing folders; images without their folder of masks are still worth a look, file by file."""
    here = [fixed_folder(pattern) for pattern in (part.images, part.masks) if pattern]
    missing = [name for name in here if not (reader.root / name).is_dir()]
    if part.required:
        for name in missing:
            reader.fault("missing_folder", reader.folder, f"no folder {name}/")
    return len(missing) < len(here)


def _orphans(reader: Reader, part: Part, images: dict[Path, dict[str, str]], masks: dict[Path, dict[str, str]]) -> None:
    for mask, values in masks.items():
        if reader.root / fill(part.images, values) not in images:
            reader.used.add(mask)
            reader.fault("mask_without_image", mask, f"no {fixed_folder(part.images)}/ image of this name")


def _check_fold(reader: Reader, path: Path, stems: set[str]) -> None:
    """Check that a fold lists each image once; ids in JSON are numbers, file names are zero-padded."""
    if not path.is_file():
        reader.fault("missing_file", reader.root, f"no {path.name}", severity="warning")
        return
    reader.used.add(path)
    try:
        fold = json.loads(path.read_text(encoding="utf-8"))
        train, val = ({int(number) for number in fold[side]} for side in ("train", "val"))
        present = {int(stem) for stem in stems}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reader.fault("fold_mismatch", path, f"not a fold: {type(error).__name__} {error}")
        return
    if both := train & val:
        reader.fault("fold_mismatch", path, f"{len(both)} images in train and in val: {_some(sorted(both))}")
    if absent := (train | val) - present:
        reader.fault(
            "fold_mismatch", path, f"{len(absent)} of {len(train | val)} listed images are missing: {_some(absent)}"
        )
    if unlisted := present - train - val:
        reader.fault("fold_mismatch", path, f"{len(unlisted)} images in neither side: {_some(unlisted)}")


def _some(items: object) -> str:
    listed = sorted(items)  # type: ignore[call-overload]
    return ", ".join(map(str, listed[:5])) + (", …" if len(listed) > 5 else "")
