"""Layout `paired_folders`: images and masks paired by pattern (TN3K, UDIAT, FUGC, FH-PS-AOP, BUS-BRA and others).

A dataset has one or more parts, each with its own folders and, where the authors give one, its official split; and
it may be in circulation in several arrangements of them. Labels come from a CSV or XLSX table or from the names,
cross-validation folds from JSON; all are checked against the images. Leaves out: decoding anything; using the folds
(they only prove that the copy is complete).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.contract import Contract
from components.intake.layouts.matching import ByValues, matching
from components.intake.layouts.names import NamedOptions, class_of, group_of
from components.intake.layouts.origins import with_origins
from components.intake.layouts.pattern import blanks, fixed_folder
from components.intake.layouts.reading import (
    NONE_CORRECTED,
    Case,
    Corrections,
    LayoutReading,
    OfficialSplit,
    Reader,
    find_arrangement,
    image_id_of,
    some_of,
)
from components.intake.layouts.tables import Labels, LabelTable, read_labels
from components.intake.layouts.tree import Tree
from components.texts import Keys, Texts

MAIN = "the main one"
MAX_FOLD_BYTES, MAX_SHOWN = 50_000_000, 200


class Part(BaseModel):
    """One pair of folders. `masks` is None for images that have no annotation.

    `images` and `masks` are patterns relative to the root with the same blanks; a file that both fit is a mask. A
    table of labels needs the blank {stem}. `prefix` goes in front of every image id, as numbering may start again in
    each part.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: str
    masks: str | None
    prefix: str = ""
    split: OfficialSplit | None = None
    labels: LabelTable | None = None
    required: bool = True

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of its images and, if it has any, masks."""
        return (self.images, self.masks) if self.masks is not None else (self.images,)

    @model_validator(mode="after")
    def _same_blanks(self) -> Self:
        if not blanks(self.images):
            raise ValueError("`images` needs a blank, such as {stem}")
        if self.labels is not None and "stem" not in blanks(self.images):
            raise ValueError("`images` needs the blank {stem}, by which `labels` are found")
        if self.masks is not None and set(blanks(self.masks)) != set(blanks(self.images)):
            raise ValueError("`images` and `masks` need the same blanks")
        return self


class PairedFolders(NamedOptions):
    """`folds`: JSON files {"train": [number…], "val": [number…]} over the part at `folds_part`.

    `alternatives` are other arrangements of the same images, by name: the one that is here most wholly is read, and
    the files of the others are left out.
    """

    parts: tuple[Part, ...] = Field(min_length=1)
    alternatives: dict[str, tuple[Part, ...]] = Field(default_factory=dict)
    folds: tuple[str, ...] = ()
    folds_part: int = 0

    @model_validator(mode="after")
    def _blanks_are_there(self) -> Self:
        for part in (part for parts in (self.parts, *self.alternatives.values()) for part in parts):
            if missing := self.wanted_blanks() - set(blanks(part.images)):
                raise ValueError(f"{part.images!r} lacks the blanks {', '.join(sorted(missing))}")
        if self.folds and "stem" not in blanks(self.parts[self.folds_part].images):
            raise ValueError("`folds` need the blank {stem}, by which images are found")
        return self


def read(contract: Contract, tree: Tree, corrections: Corrections = NONE_CORRECTED) -> LayoutReading:
    """Read a tree of image and mask folders."""
    options = PairedFolders.of(contract)
    arrangements = {MAIN: options.parts, **options.alternatives}
    wanted = [[pattern for part in parts for pattern in part.patterns] for parts in arrangements.values()]
    root, index = find_arrangement(tree, wanted)
    chosen = list(arrangements)[index]
    reader = Reader(contract, tree, root, corrections)
    stems = [_read_part(reader, part, options) for part in arrangements[chosen]]
    for name in options.folds if chosen == MAIN else ():
        _check_fold(reader, reader.root / name, stems[options.folds_part])
    for name, parts in arrangements.items():
        if name != chosen:
            others = [path for part in parts for pattern in part.patterns for path, _ in matching(tree, root, pattern)]
            reader.leave_out(others, f"the same images in another arrangement ({name}); {chosen} is read")
    return with_origins(reader).reading(options)


def _read_part(reader: Reader, part: Part, options: PairedFolders) -> Texts:
    """Read one part's cases; returns the stems of all its images."""
    stems = Texts()
    if not _folders_exist(reader, part):
        return stems
    masks = matching(reader.tree, reader.root, part.masks) if part.masks is not None else None
    mask_of = ByValues(reader.tree, masks) if masks is not None else None
    classes = read_labels(reader, part.labels, reader.root / part.labels.file) if part.labels else Labels()
    for image, values in matching(reader.tree, reader.root, part.images):
        if masks is None or mask_of is None:
            reader.without_mask(image, "a part without annotation")
        elif masks.values(image) is not None:
            continue
        else:
            _read_pair(reader, part, options, image=(image, values), mask=mask_of.get(values), classes=classes)
        if "stem" in values:
            stems.append(values["stem"])
    for mask in mask_of.left() if mask_of else ():
        reader.used.add(mask)
        reader.fault("mask_without_image", mask, f"no {_folder(part.images)}image of this name")
    if part.labels:
        known = Keys.of(stems)
        if missing := sorted(stem for stem in classes if stem not in known):
            table = reader.root / part.labels.file
            reader.fault("label_without_image", table, f"{len(missing)} rows without image: {some_of(missing)}")
    return stems


def _read_pair(
    reader: Reader,
    part: Part,
    options: PairedFolders,
    *,
    image: tuple[Path, dict[str, str]],
    mask: Path | None,
    classes: Mapping[str, str],
) -> None:
    """Read the case of an image, with what stood in its name's blanks, and of its mask."""
    path, values = image
    if mask is None:
        reader.without_mask(path, f"no {_folder(part.masks or '')}mask of this name")
        return
    subject_class = classes.get(values.get("stem", "")) or class_of(reader, options, path, values)
    if classes and subject_class is None:
        reader.fault("label_missing", path, f"no row in {part.labels.file if part.labels else ''}")
    image_id = image_id_of(part.prefix, *values.values())
    group = group_of(reader, options, path, values)
    reader.add(Case(image_id, path, (mask,), group=group, subject_class=subject_class, official_split=part.split))


def _folders_exist(reader: Reader, part: Part) -> bool:
    """Report missing folders; images without their folder of masks are still worth a look, file by file."""
    here = [fixed_folder(pattern) for pattern in part.patterns]
    missing = [name for name in here if reader.tree.find(reader.root, name) is None]
    if part.required:
        for name in missing:
            reader.fault("missing_folder", reader.folder, f"no folder {name}/")
    return len(missing) < len(here)


def _folder(pattern: str) -> str:
    """The pattern's folder as part of a sentence."""
    folder = fixed_folder(pattern)
    return "" if folder == "." else f"{folder}/ "


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these keys and values; json itself would let the last of equal keys win."""
    if double := sorted(key for key, number in Counter(key for key, _ in pairs).items() if number > 1):
        raise ValueError(f"{some_of(double)} stands there more than once")
    return dict(pairs)


def _check_fold(reader: Reader, path: Path, stems: Texts) -> None:
    """Check that a fold lists each image once; ids in JSON are numbers, file names are zero-padded."""
    if not reader.tree.is_file(path):
        reader.fault("missing_file", reader.root, f"no {path.name}", severity="warning")
        return
    source = reader.table(path)
    if (size := source.stat().st_size) > MAX_FOLD_BYTES:
        reader.fault("fold_mismatch", path, f"{size:,} bytes", expected=f"at most {MAX_FOLD_BYTES:,} bytes")
        return
    try:
        fold = json.loads(source.read_text(encoding="utf-8"), object_pairs_hook=_each_key_once)
        train, val = ({int(number) for number in fold[side]} for side in ("train", "val"))
        present = {int(stem) for stem in stems}
    except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        reader.fault("fold_mismatch", path, f"not a fold: {type(error).__name__} {str(error)[:MAX_SHOWN]}")
        return
    if both := train & val:
        reader.fault("fold_mismatch", path, f"{len(both)} images in train and in val: {some_of(sorted(both))}")
    if absent := (train | val) - present:
        reader.fault(
            "fold_mismatch",
            path,
            f"{len(absent)} of {len(train | val)} listed images are missing: {some_of(sorted(absent))}",
        )
    if unlisted := present - train - val:
        reader.fault("fold_mismatch", path, f"{len(unlisted)} images in neither side: {some_of(sorted(unlisted))}")
