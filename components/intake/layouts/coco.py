"""Layout `coco`: images with COCO files of annotations, as polygons or run lengths (US-43d and most labelling tools).

One JSON file, or several with a split each, lists images, categories and annotations; ids are numbers or text. Each
annotation is one object, also where two of them touch. Everything that an annotation can do wrong is looked at here
and reported with the file and the annotation's id, so that rasterising (measuring/pixels.py) can't fail.
Leaves out: pixels; key points, captions and boxes without outline.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.contract import Contract
from components.errors import ContractError
from components.intake.layouts.instances import OutlineError, instance_of
from components.intake.layouts.names import NamedOptions, class_of, group_of
from components.intake.layouts.pattern import blanks, to_regex
from components.intake.layouts.reading import (
    NONE_CORRECTED,
    Case,
    Corrections,
    Instance,
    LayoutReading,
    Reader,
    find_root,
    image_id_of,
    some_of,
)
from components.intake.layouts.tree import Tree
from components.preprocess import MAX_IMAGE_PX

MAX_JSON_BYTES = 2**30
MAX_NAME_LETTERS = 200


class CocoFile(BaseModel):
    """One COCO file, and the folder that its file names start from; both relative to the root."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    json_file: str
    images: str = "."
    prefix: str = ""
    split: str | None = None


class Coco(NamedOptions):
    """`categories` maps the name of a COCO category to a code of the contract's labels; null leaves it out.

    `group` and `subject_class` are filled from the blanks of `names`, a pattern of the images' file names without
    extension, and from the fields that an image's entry has beside COCO's own. `crowd` says what an annotation with
    iscrowd is: an error, an object like others, or left out. `rings`: whether an annotation's several polygons are
    united, as COCO means it, or filled together by the even-odd rule, so that one inside another is a hole.
    """

    files: tuple[CocoFile, ...] = Field(min_length=1)
    categories: dict[str, int | None] = Field(min_length=1)
    names: str = "{stem}"
    crowd: Literal["refuse", "object", "leave_out"] = "refuse"
    rings: Literal["union", "even_odd"] = "union"

    @model_validator(mode="after")
    def _names_have_blanks(self) -> Self:
        if not blanks(self.names):
            raise ValueError("`names` needs a blank, such as {stem}")
        return self


@dataclass(slots=True)
class _Sheet:
    """One COCO file while it is read.

    Its images by id, its categories by id and the `strange` ones that the contract doesn't name, the objects found so
    far by the image's id, and the images that a fault took an annotation from.
    """

    file: CocoFile
    path: Path
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    categories: dict[str, int | None] = field(default_factory=dict)
    strange: set[str] = field(default_factory=set)
    objects: dict[str, list[Instance]] = field(default_factory=lambda: defaultdict(list))
    broken: set[str] = field(default_factory=set)


def read(contract: Contract, tree: Tree, corrections: Corrections = NONE_CORRECTED) -> LayoutReading:
    """Read the COCO files of a contract and find their images.

    Raises
    ------
    ContractError
        If the options are wrong, or a category has a code that isn't one of the contract's labels.
    """
    options = Coco.of(contract)
    _check_codes(contract, options)
    wanted = [entry for file in options.files for entry in (file.json_file, file.images) if entry != "."]
    reader = Reader(contract, tree, find_root(tree, wanted), corrections)
    for file in options.files:
        _read_file(reader, options, file)
    return reader.reading(options)


def _check_codes(contract: Contract, options: Coco) -> None:
    codes = {code for code in options.categories.values() if code is not None}
    if contract.mask.kind != "instances" or not codes <= set(contract.mask.labels):
        raise ContractError(
            f"contract {contract.name}: reader coco with mask.kind {contract.mask.kind} and codes {sorted(codes)}",
            expected=f"mask.kind instances, and codes of its labels ({sorted(contract.mask.labels)})",
            remedy="set mask.kind: instances; correct layout.options.categories, or add the labels",
        )


def _read_file(reader: Reader, options: Coco, file: CocoFile) -> None:
    path = reader.tree.find(reader.root, file.json_file)
    if path is None or not reader.tree.is_file(path):
        reader.fault("missing_file", reader.folder, f"no {file.json_file}")
        return
    content = _load(reader, path)
    if content is None:
        return
    sheet = _Sheet(file, path)
    _read_categories(reader, options, sheet, content["categories"])
    _read_images(reader, sheet, content["images"])
    _read_annotations(reader, options, sheet, content["annotations"])
    _add_cases(reader, options, sheet)


def _load(reader: Reader, path: Path) -> dict[str, list[Any]] | None:
    """The three lists of a COCO file; None, and a fault, where it has none."""
    source = reader.sheet(path)
    size = source.stat().st_size
    if size > MAX_JSON_BYTES:
        reader.fault("bad_annotations", path, f"{size:,} bytes", expected=f"at most {MAX_JSON_BYTES:,} bytes")
        return None
    try:
        content = json.loads(source.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        reader.fault("bad_annotations", path, f"not JSON: {type(error).__name__} {str(error)[:MAX_NAME_LETTERS]}")
        return None
    keys = ("images", "annotations", "categories")
    lists = {key: content.get(key) for key in keys} if isinstance(content, dict) else {}
    if missing := [key for key in keys if not isinstance(lists.get(key), list)]:
        reader.fault("bad_annotations", path, f"no list of {', '.join(missing)}")
        return None
    return {key: list(value) for key, value in lists.items() if value is not None}


def _id(value: Any) -> str | None:
    """An id as text: files mix 7 and "7" between their lists. None for what is no id."""
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        text = str(value) if isinstance(value, str) or abs(value) < 10**40 else ""
        return text if 0 < len(text) <= MAX_NAME_LETTERS else None
    return None


def _rows(reader: Reader, sheet: _Sheet, rows: list[Any], what: str) -> dict[str, dict[str, Any]]:
    """Entries by id; those without a usable id, and second ones of an id, are faults."""
    found: dict[str, dict[str, Any]] = {}
    nameless, double = 0, []
    for row in rows:
        key = _id(row.get("id")) if isinstance(row, dict) else None
        if key is None:
            nameless += 1
        elif key in found:
            double.append(key)
        else:
            found[key] = row
    if nameless:
        reader.fault("bad_annotations", sheet.path, f"{nameless} {what} without an id of number or text")
    if double:
        reader.fault("duplicate_id", sheet.path, f"{what} with an id that another has: {some_of(double)}")
    return found


def _read_categories(reader: Reader, options: Coco, sheet: _Sheet, rows: list[Any]) -> None:
    for key, row in _rows(reader, sheet, rows, "categories").items():
        name = row.get("name")
        if isinstance(name, str) and name in options.categories:
            sheet.categories[key] = options.categories[name]
        else:
            sheet.strange.add(key)
            found = f"category {key} {str(name)[:MAX_NAME_LETTERS]!r}"
            reader.fault("unknown_category", sheet.path, found, expected=f"one of {', '.join(options.categories)}")


def _read_images(reader: Reader, sheet: _Sheet, rows: list[Any]) -> None:
    by_name: dict[str, str] = {}
    for key, row in _rows(reader, sheet, rows, "images").items():
        name: Any = row.get("file_name")
        height_px: Any = row.get("height")
        width_px: Any = row.get("width")
        if not _is_inside(name):
            reader.fault("bad_annotations", sheet.path, f"image {key}: the file name {str(name)[:MAX_NAME_LETTERS]!r}")
        elif not (_is_side(height_px) and _is_side(width_px) and height_px * width_px <= MAX_IMAGE_PX):
            found = f"image {key}: width {str(width_px)[:20]}, height {str(height_px)[:20]}"
            reader.fault("bad_annotations", sheet.path, found, expected=f"sides of an image of {MAX_IMAGE_PX:,} pixels")
        elif name in by_name:
            reader.fault("duplicate_id", sheet.path, f"images {by_name[name]} and {key} are one file, {name}")
        else:
            by_name[name] = key
            sheet.images[key] = row


def _is_inside(name: Any) -> bool:
    """Whether a file name from a stranger stays within the folder of images."""
    if not isinstance(name, str) or not name.isprintable() or "\\" in name:
        return False
    if len(name.encode()) > MAX_NAME_LETTERS:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and bool(path.name)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _read_annotations(reader: Reader, options: Coco, sheet: _Sheet, rows: list[Any]) -> None:
    orphans: list[str] = []
    unknown: dict[str, list[str]] = defaultdict(list)
    for key, row in _rows(reader, sheet, rows, "annotations").items():
        image, category = _id(row.get("image_id")), _id(row.get("category_id"))
        if image is None or image not in sheet.images:
            orphans.append(key)
            continue
        if category is None or category not in sheet.categories:
            sheet.broken.add(image)
            if category not in sheet.strange:
                unknown[str(row.get("category_id"))[:MAX_NAME_LETTERS]].append(key)
            continue
        code = sheet.categories[category]
        crowd = row.get("iscrowd") not in (0, None, False)
        if code is None or (crowd and options.crowd == "leave_out"):
            continue
        if crowd and options.crowd == "refuse":
            reader.fault("crowd_region", sheet.path, f"annotation {key} of {_name(sheet, image)}")
            sheet.broken.add(image)
            continue
        size_hw = (sheet.images[image]["height"], sheet.images[image]["width"])
        try:
            found = instance_of(row.get("segmentation"), code, size_hw=size_hw, even_odd=options.rings == "even_odd")
            sheet.objects[image].append(found)
        except OutlineError as error:
            reader.fault(error.code, sheet.path, f"annotation {key} of {_name(sheet, image)}: {error}")
            sheet.broken.add(image)
    if orphans:
        reader.fault("annotation_without_image", sheet.path, f"annotations of no listed image: {some_of(orphans)}")
    for name, keys in unknown.items():
        said = f"category id {name!r} of annotations {some_of(keys)}"
        reader.fault("unknown_category", sheet.path, said, expected="a category that the file lists")


def _name(sheet: _Sheet, image: str) -> str:
    return str(sheet.images[image]["file_name"])


def _add_cases(reader: Reader, options: Coco, sheet: _Sheet) -> None:
    """Cases of the images that are here; one that lost an annotation to a fault is none, its truth isn't whole."""
    folder = reader.tree.find(reader.root, sheet.file.images) or reader.root / sheet.file.images
    names = to_regex(options.names)
    missing: list[str] = []
    for key, row in sheet.images.items():
        image = folder / row["file_name"]
        if not reader.tree.is_file(image):
            missing.append(row["file_name"])
            continue
        reader.used.add(image)
        if key in sheet.broken:
            continue
        match = names.fullmatch(PurePosixPath(row["file_name"]).stem)
        values = {name: str(value) for name, value in row.items() if isinstance(value, str | int)}
        values |= match.groupdict() if match else {}
        subject_class = class_of(reader, options, image, values)
        may_be_empty = subject_class in reader.contract.expectations.empty_mask_classes
        if key not in sheet.objects and not may_be_empty:
            reader.without_mask(image, f"no annotation of a category to be read in {sheet.path.name}")
            continue
        image_id = image_id_of(sheet.file.prefix, *PurePosixPath(row["file_name"]).with_suffix("").parts)
        reader.add(
            Case(
                image_id,
                image,
                instances=tuple(sheet.objects.get(key, ())),
                group=group_of(reader, options, image, values),
                subject_class=subject_class,
                official_split=sheet.file.split,
                outlines=sheet.path,
            )
        )
    if missing:
        reader.fault("missing_file", sheet.path, f"{len(missing)} listed images aren't there: {some_of(missing)}")
