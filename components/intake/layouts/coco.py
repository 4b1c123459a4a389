"""Layout `coco`: images with COCO files of annotations, as polygons or run lengths (US-43d and most labelling tools).

One JSON file, or several with a split each, lists images, categories and annotations; ids are numbers or text. Each
annotation is one object, also where two of them touch. Leaves out: what stands in the files (coco_sheet.py); pixels;
key points, captions and boxes without outline.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.contract import Contract
from components.errors import ContractError
from components.intake.layouts.coco_sheet import CocoSheet
from components.intake.layouts.names import NamedOptions, class_of, group_of
from components.intake.layouts.origins import with_origins
from components.intake.layouts.pattern import blanks, to_regex
from components.intake.layouts.reading import (
    NONE_CORRECTED,
    Case,
    Corrections,
    LayoutReading,
    OfficialSplit,
    Reader,
    find_root,
    image_id_of,
    some_of,
)
from components.intake.layouts.tree import Tree


class CocoFile(BaseModel):
    """One COCO file, and the folder that its file names start from; both relative to the root."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    json_file: str
    images: str = "."
    prefix: str = ""
    split: OfficialSplit | None = None


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
    return with_origins(reader).reading(options)


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
    sheet = CocoSheet(
        reader,
        path,
        categories=options.categories,
        crowd=options.crowd,
        even_odd=options.rings == "even_odd",
        fields=options.wanted_blanks(),
    )
    if sheet.read():
        _add_cases(reader, options, file, sheet)


def _add_cases(reader: Reader, options: Coco, file: CocoFile, sheet: CocoSheet) -> None:
    """Cases of the images that are here; one that lost an annotation to a fault is none, its truth isn't whole."""
    folder = reader.tree.find(reader.root, file.images) or reader.root / file.images
    names = to_regex(options.names)
    missing: list[str] = []
    for listed, objects in sheet.with_objects():
        image, name = folder / listed.file_name, PurePosixPath(listed.file_name)
        if not reader.tree.is_file(image):
            missing.append(listed.file_name)
            continue
        reader.used.add(image)
        if listed.key in sheet.broken:
            continue
        match = names.fullmatch(name.stem)
        values = listed.fields | (match.groupdict() if match else {})
        subject_class = class_of(reader, options, image, values)
        may_be_empty = subject_class in reader.contract.expectations.empty_mask_classes
        if not objects and not may_be_empty:
            reader.without_mask(image, f"no annotation of a category to be read in {sheet.path.name}")
            continue
        reader.add(
            Case(
                image_id_of(file.prefix, *name.with_suffix("").parts),
                image,
                instances=objects,
                group=group_of(reader, options, image, values),
                subject_class=subject_class,
                official_split=file.split,
                outlines=sheet.path,
            )
        )
    if missing:
        reader.fault("missing_file", sheet.path, f"{len(missing)} listed images aren't there: {some_of(missing)}")
