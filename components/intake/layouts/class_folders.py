"""Layout `class_folders`: one folder a class, images and their masks side by side (BUSI).

`<class>/<stem>.png` is an image, `<class>/<stem><mask_infix>.png`, `<stem><mask_infix>_1.png`, … are its masks,
which together are its annotation. Leaves out: decoding anything.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from pydantic import Field

from components.contract import Contract
from components.intake.layouts.reading import (
    Case,
    LayoutReading,
    Options,
    Reader,
    find_root,
    image_id_of,
    natural,
)


class ClassFolders(Options):
    """`classes` maps a folder's name to the class; `extension` and `mask_infix` make the files' names."""

    classes: dict[str, str] = Field(min_length=1)
    extension: str = ".png"
    mask_infix: str = "_mask"


def read(contract: Contract, folder: Path) -> LayoutReading:
    """Read a tree of class folders."""
    options = ClassFolders.of(contract)
    reader = Reader(contract, folder, find_root(folder, list(options.classes)))
    for name, subject_class in options.classes.items():
        place = reader.root / name
        if not place.is_dir():
            reader.fault("missing_folder", folder, f"no folder {name}/ in {reader.root.name}/")
            continue
        _read_class(reader, place, subject_class, options)
    return reader.reading(options)


def _read_class(reader: Reader, place: Path, subject_class: str, options: ClassFolders) -> None:
    pattern = re.compile(rf"(?P<stem>.+?){re.escape(options.mask_infix)}(_\d+)?{re.escape(options.extension)}")
    files = natural(path for path in place.iterdir() if path.is_file() and path.suffix == options.extension)
    masks: dict[str, list[Path]] = defaultdict(list)
    images: list[Path] = []
    for path in files:
        match = pattern.fullmatch(path.name)
        if match:
            masks[match["stem"]].append(path)
        else:
            images.append(path)
    for image in images:
        mine = masks.pop(image.stem, [])
        if not mine:
            reader.without_mask(image, f"no {image.stem}{options.mask_infix}{options.extension} beside it")
            continue
        reader.add(Case(image_id_of(image.stem), image, tuple(mine), subject_class=subject_class))
    for stem, orphans in masks.items():
        for mask in orphans:
            reader.used.add(mask)
            reader.fault("mask_without_image", mask, f"no {stem}{options.extension} beside it")
