"""Layout `class_folders`: one folder a class, images and their masks side by side (BUSI).

`<class>/<stem>.png` is an image, `<class>/<stem><mask_infix>.png`, `<stem><mask_infix>_1.png`, … are its masks,
which together are its annotation. Leaves out: decoding anything.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.contract import Contract
from components.intake.layouts.matching import Groups, natural
from components.intake.layouts.names import NamedOptions, group_of
from components.intake.layouts.origins import with_origins
from components.intake.layouts.pattern import blanks, to_regex
from components.intake.layouts.reading import (
    NONE_CORRECTED,
    Case,
    Corrections,
    LayoutReading,
    Reader,
    find_root,
    image_id_of,
    some_of,
)
from components.intake.layouts.tables import read_names
from components.intake.layouts.tree import Tree
from components.texts import Keys, Texts


class Selection(BaseModel):
    """A published list of those images that are read: the others are left out, by this reason.

    `file` stands beside the class folders or at the top of what was named; `stems` is filled from its columns, and
    gives the images' names without extension.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    stems: str
    reason: str
    delimiter: str = Field(default=",", min_length=1, max_length=1)


class ClassFolders(NamedOptions):
    """`classes` maps a folder's name to the class; `extension` and `mask_infix` make the files' names.

    `stems` is a pattern of the images' names without extension, such as "{patient}-{number}", for `group`;
    `only` a list of the images to read, where a curated selection is published as a list.
    """

    classes: dict[str, str] = Field(min_length=1)
    extension: str = ".png"
    mask_infix: str = "_mask"
    stems: str = "{stem}"
    only: Selection | None = None

    @model_validator(mode="after")
    def _blanks_are_there(self) -> Self:
        if self.subject_class is not None:
            raise ValueError("the folders give the class, so `subject_class` has no place here")
        if missing := self.wanted_blanks() - set(blanks(self.stems)):
            raise ValueError(f"`stems` lacks the blanks {', '.join(sorted(missing))}")
        return self


def read(contract: Contract, tree: Tree, corrections: Corrections = NONE_CORRECTED) -> LayoutReading:
    """Read a tree of class folders."""
    options = ClassFolders.of(contract)
    reader = Reader(contract, tree, find_root(tree, list(options.classes)), corrections)
    sheet, listed = _listed(reader, options.only) if options.only else (reader.root, Texts())
    wanted = Keys.of(listed) if options.only else None
    for name, subject_class in options.classes.items():
        place = tree.find(reader.root, name)
        if place is None or place not in tree.folders:
            reader.fault("missing_folder", tree.top, f"no folder {name}/")
            continue
        _read_class(reader, place, subject_class, options, wanted)
    if missing := _unread(listed, reader.cases):
        reader.fault("label_without_image", sheet, f"{len(missing)} listed images aren't read: {some_of(missing)}")
    return with_origins(reader).reading(options)


def _unread(listed: Texts, cases: Iterable[Case]) -> list[str]:
    """The names in the list that are those of no case, sorted."""
    read = Keys.of(case.image.stem for case in cases) if len(listed) else Keys.of(())
    return sorted({name for name in listed if name not in read})


def _listed(reader: Reader, only: Selection) -> tuple[Path, Texts]:
    """Where the list is, and the names in it; none, and a fault, where it can't be read."""
    places = [base / only.file for base in (reader.root, reader.root.parent, reader.folder)]
    path = next((place for place in places if reader.tree.is_file(place)), places[0])
    return path, read_names(reader, path, pattern=only.stems, delimiter=only.delimiter)


def _read_class(reader: Reader, place: Path, subject_class: str, options: ClassFolders, listed: Keys | None) -> None:
    tree, pattern = reader.tree, _mask_names(options)
    images, masks = _images_and_masks(tree, place, pattern, extension=options.extension.lower())
    taken = bytearray(len(masks))
    stems = to_regex(options.stems)
    for image in map(tree.path, images):
        group = masks.place(image.stem)
        mine = () if group is None or taken[group] else tuple(map(tree.path, masks.numbers(group)))
        if group is not None:
            taken[group] = True
        if listed is not None and options.only is not None and image.stem not in listed:
            reader.leave_out((image, *mine), f"not in {options.only.file}: {options.only.reason}")
            continue
        if not mine:
            reader.without_mask(image, f"no {image.stem}{options.mask_infix}{options.extension} beside it")
            continue
        match = stems.fullmatch(image.stem)
        name = group_of(reader, options, image, match.groupdict() if match else {})
        reader.add(Case(image_id_of(image.stem), image, mine, group=name, subject_class=subject_class))
    for group in (group for group in range(len(masks)) if not taken[group]):
        for mask in map(tree.path, masks.numbers(group)):
            reader.used.add(mask)
            match = pattern.fullmatch(mask.name)
            assert match is not None, "a mask's name"
            reader.fault("mask_without_image", mask, f"no {match['stem']}{options.extension} beside it")


def _mask_names(options: ClassFolders) -> re.Pattern[str]:
    infix, ending = re.escape(options.mask_infix), re.escape(options.extension)
    return re.compile(rf"(?P<stem>.+?){infix}(_\d+)?(?i:{ending})")


def _images_and_masks(
    tree: Tree, folder: Path, mask_names: re.Pattern[str], *, extension: str
) -> tuple[Sequence[int], Groups]:
    """The numbers of a folder's images, and of its masks by the stem of the image, each sorted as a person would."""
    named = zip(tree.numbers(folder), tree.folders[folder].files, strict=True)
    images = array("q")

    def masks() -> Iterator[tuple[str, int]]:
        for number in natural(tree, (one for one, name in named if PurePath(name).suffix.lower() == extension)):
            match = mask_names.fullmatch(tree.name(number).rpartition("/")[2])
            if match is None:
                images.append(number)
            else:
                yield match["stem"], number

    return images, Groups(masks())
