"""What every reader of a layout yields: cases and faults; and what they share: finding roots, ids, leftovers.

Leaves out: any shape of folder (the other modules here) and any pixel (components/intake/measuring/pixels.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.contract import Contract
from components.contract_text import Text, refusal
from components.intake.faults import fault
from components.intake.layouts.matching import matching
from components.intake.layouts.pattern import SHADOW, SYSTEM_FOLDER, blanks, fixed_folder
from components.intake.layouts.tree import Marks, Tree
from components.stored_list import StoredList
from components.texts import Texts
from components.types import Fault, Severity

Polygon = tuple[tuple[float, float], ...]
"""Vertices (x, y) in pixels from the top left corner of the image; not closed."""

Corrections = Mapping[str, Path]
NONE_CORRECTED: Corrections = MappingProxyType({})

OfficialSplit = Literal["train", "val", "trainval", "test"]
"""A side that a dataset's authors give. Another word for `test` would let their test set into training."""

SEARCH_DEPTH = 3
_UNPAIRED = ("missing_folder", "image_without_mask", "mask_without_image", "unlabelled_image")
_SPECIAL = "a pipe, a socket or a device, which isn't opened"
_LINK = "a link that leads out of the dataset, to a folder, in a circle or to nothing; it isn't followed"
LISTED = 5
GROUPED_BY_NAME = ("case", "video")
SYSTEM_FILES = (f"*/{SYSTEM_FOLDER}/*", f"*/{SHADOW}*", "*/.DS_Store", "*/Thumbs.db", "*/desktop.ini")


class Options(BaseModel):
    """What all readers take: `ignore` maps a pattern of paths to the reason for passing over them.

    Paths are relative to the root; those outside it, to the folder that was given, or bare names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ignore: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def of(cls, contract: Contract) -> Self:
        """Check a contract's options against this reader.

        Raises
        ------
        ContractError
            Naming every option that is unknown, missing or wrong.
        """
        try:
            return cls.model_validate(contract.layout.options)
        except ValidationError as error:
            where = f"contract {contract.name}, layout.options of the reader {contract.layout.reader}"
            raise refusal(Text(where, {}, {}, "these options"), error.errors(), schema=cls) from None


@dataclass(frozen=True, slots=True)
class Instance:
    """One annotated object of an image of `size_hw`: its mask code, and its rings or its run lengths.

    A ring is x0, y0, x1, y1, … in pixels, as COCO writes it. Several are united or, where `even_odd`, filled together,
    so that a ring within another is a hole. `runs` are COCO's too, from the first column down, background first: counts
    of pixels, or their compressed text. Numbers stand in arrays: in tuples they take four times the memory.
    """

    code: int
    size_hw: tuple[int, int]
    rings: tuple[Sequence[float], ...] = ()
    runs: Sequence[int] | str | None = None
    even_odd: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One image with its annotation, as found in the original layout.

    `masks` are files whose foregrounds together are the annotation; with `polygons` or `instances` there are none,
    and `outlines` is the file that these come from. `declared` are the mask codes that the authors' own table says
    the image shows, None where there is no such table. `scanner` and `site` are as in
    `Record`. `published` pairs a correction, which is read, with the file of the dataset in whose place it stands.
    """

    image_id: str
    image: Path
    masks: tuple[Path, ...] = ()
    polygons: tuple[Polygon, ...] = ()
    instances: tuple[Instance, ...] = ()
    group: str = ""
    subject_class: str | None = None
    official_split: OfficialSplit | None = None
    declared: frozenset[int] | None = None
    flags: tuple[str, ...] = ()
    outlines: Path | None = None
    scanner: str | None = None
    site: str | None = None
    published: tuple[tuple[Path, Path], ...] = ()

    def name_of(self, path: Path, folder: Path) -> str:
        """What one of the case's files is called in reports: its published path, relative to the dataset's folder."""
        return dict(self.published).get(path, path).relative_to(folder).as_posix()

    def __reduce__(self) -> tuple[Any, ...]:
        # A text is pickled, and read again, several times as fast as a path.
        files = (str(self.image), tuple(map(str, self.masks)), None if self.outlines is None else str(self.outlines))
        published = tuple((str(mended), str(path)) for mended, path in self.published)
        values = tuple(getattr(self, name) for name in _PLAIN)
        return _case, (files, published, values)


_PLAIN = tuple(one.name for one in fields(Case) if one.name not in ("image", "masks", "outlines", "published"))


def _case(
    files: tuple[str, tuple[str, ...], str | None], published: tuple[tuple[str, str], ...], values: tuple[Any, ...]
) -> Case:
    image, masks, outlines = files
    return Case(
        image=Path(image),
        masks=tuple(map(Path, masks)),
        outlines=None if outlines is None else Path(outlines),
        published=tuple((Path(mended), Path(path)) for mended, path in published),
        **dict(zip(_PLAIN, values, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class LayoutReading:
    """All cases of a folder, and the faults found while reading it (nothing was decoded yet).

    `sheets` are the files that outlines were read from, `tables` those of labels, frames or folds. `excluded` are the
    cases that the contract's quarantine takes out, `used` all files that got a meaning. The cases stand on the disk
    (components/stored_list.py): each reading of one gives a new object.
    """

    root: Path
    cases: Sequence[Case]
    faults: tuple[Fault, ...]
    sheets: Collection[Path] = frozenset()
    tables: Collection[Path] = frozenset()
    excluded: Sequence[Case] = ()
    used: Collection[Path] = frozenset()


@dataclass(slots=True)
class Reader:
    """Collects what one reading finds. `used` are the files that got a meaning; the rest is reported.

    `corrections` are files that are read in place of published ones, by the name that the contract's quarantine gives.
    """

    contract: Contract
    tree: Tree
    root: Path
    corrections: Corrections = field(default_factory=lambda: NONE_CORRECTED)
    cases: StoredList[Case] = field(default_factory=StoredList)
    faults: list[Fault] = field(default_factory=list)
    used: Marks = field(init=False)
    sheets: Marks = field(init=False)
    tables: Marks = field(init=False)
    _ids: Texts = field(default_factory=Texts)
    _for_all: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.used, self.sheets, self.tables = (Marks(self.tree) for _ in range(3))
        stated = {"scanner": self.contract.scanner, "site": self.contract.site}
        self._for_all = {which: one.name for which, one in stated.items() if one is not None and one.table is None}

    @property
    def folder(self) -> Path:
        """The folder that was named, in which the dataset's root lies."""
        return self.tree.top

    def sheet(self, path: Path) -> Path:
        """Mark a file of outlines as used, and return the file to read: itself, or its correction."""
        self.sheets.add(path)
        return self._corrected(path)

    def table(self, path: Path) -> Path:
        """The same for a file of labels, frames or folds."""
        self.tables.add(path)
        return self._corrected(path)

    def _corrected(self, path: Path) -> Path:
        self.used.add(path)
        names = [path.relative_to(base).as_posix() for base in (self.root, self.folder) if path.is_relative_to(base)]
        return next((self.corrections[name] for name in names if name in self.corrections), path)

    def fault(self, code: str, path: Path, found: str, *, expected: str = "", severity: Severity | None = None) -> None:
        """Note a fault of a file or folder, named relative to the dataset's folder."""
        name = path.relative_to(self.folder).as_posix() if path != self.folder else "."
        self.faults.append(
            fault(
                code,
                dataset=self.contract.name,
                file=readable(name),
                found=readable(found),
                expected=expected,
                severity=severity,
            )
        )

    def without_mask(self, image: Path, found: str) -> None:
        """Note an image that has no annotation: an error, unless the contract allows it."""
        self.used.add(image)
        name = image.relative_to(self.folder).as_posix()
        self.faults.append(without_annotation(self.contract, readable(name), readable(found)))

    def leave_out(self, paths: Iterable[Path], reason: str) -> None:
        """Note files that the contract leaves out, with its reason."""
        for path in paths:
            if path not in self.used:
                self.used.add(path)
                self.fault("ignored_file", path, reason)

    def add(self, case: Case) -> None:
        """Take a case, and mark its files as used; one whose names no table can hold is a fault instead.

        Its group is itself unless the contract finds groups in the names; it gets the scanner and the site that the
        contract names for all.
        """
        files = (case.image, *case.masks)
        self.used.update(files)
        strange = [path for path in files if str(path) != readable(str(path))]
        for path in strange:
            self.fault("undecodable_name", path, "a name that isn't UTF-8")
        if not case.image_id:
            found = "a name of which no id is left: ids are made of the letters a to z, digits, dot and dash"
            self.fault("undecodable_name", case.image, found, expected="a name with one such letter or digit at least")
        elif not strange:
            self._ids.append(case.image_id)
            group = case.group if self.contract.group.key in GROUPED_BY_NAME else case.image_id
            self.cases.append(replace(case, group=group, **self._for_all))

    def reading(self, options: Options) -> LayoutReading:
        """Close the reading: report what was left over, double ids and an empty result."""
        self._leftovers(options)
        self.faults += double_ids(self.cases, self._ids, contract=self.contract, folder=self.folder)
        if not self.cases:
            codes = Counter(one.code for one in self.faults)
            parts = [f"{codes[code]} {code}" for code in _UNPAIRED if codes[code]]
            self.fault("no_images", self.folder, "; ".join(["not one image with its annotation", *parts]))
        cases = self.cases.chosen(self._ids.order())
        faults = tuple(self.faults)
        return LayoutReading(self.root, cases, faults, sheets=self.sheets, tables=self.tables, used=self.used)

    def _leftovers(self, options: Options) -> None:
        for path in self.tree.special:
            self.fault("unexpected_file", path, _SPECIAL, expected="plain files and folders", severity="error")
        for path in self.tree.links:
            self.fault("link_outside", path, _LINK)
        for path in self.tree.closed:
            self.fault("no_access", path, "a folder or file that may not be read")
        for path in self.used.others():
            whole = "/" + path.relative_to(self.folder).as_posix()
            if path.is_relative_to(self.root):
                names = {path.relative_to(self.root).as_posix()}
            else:
                names = {path.name, whole[1:]}  # such as another dataset of the same archive
            reasons = [why for pattern, why in options.ignore.items() if any(fnmatch(name, pattern) for name in names)]
            if any(fnmatch(whole, pattern) for pattern in SYSTEM_FILES):
                reasons.append("left by an operating system")
            if reasons:
                self.fault("ignored_file", path, reasons[0])
            else:
                self.fault("unexpected_file", path, "a file that the layout doesn't know")


def without_annotation(contract: Contract, file: str, found: str) -> Fault:
    """The fault of an image that has no annotation: an error, unless the contract allows it."""
    allowed = contract.expectations.unlabelled == "ignore"
    code = "unlabelled_image" if allowed else "image_without_mask"
    return fault(code, dataset=contract.name, file=file, found=found)


def double_ids(cases: Sequence[Case], ids: Texts, *, contract: Contract, folder: Path) -> list[Fault]:
    """A fault for each of the cases' ids that several images get, named by the first of them, in their order."""
    same = (list(places) for _, places in groupby(ids.order(), key=ids.__getitem__))
    several = {int(places[0]): len(places) for places in same if len(places) > 1}
    return [
        fault(
            "duplicate_image_id",
            dataset=contract.name,
            file=cases[first].name_of(cases[first].image, folder),
            found=f"{several[first]} images get the id {ids[first]!r}",
        )
        for first in sorted(several)
    ]


def readable(text: str) -> str:
    """A text in which bytes of a file's name that aren't UTF-8 are question marks, so that it can be written."""
    return text.encode("utf-8", "replace").decode("utf-8")


def find_root(tree: Tree, wanted: Sequence[str]) -> Path:
    """The folder that holds most of the `wanted` entries: the tree's top, or one at most three levels below it.

    An entry is a path, or a pattern with blanks, of which the folder before the first blank counts. Archives differ in
    how many folders they wrap around a dataset, and in upper and lower case. The shallowest of equals wins, then the
    first by name; the top itself where none holds any.
    """
    return find_arrangement(tree, [wanted])[0]


def find_arrangement(tree: Tree, arrangements: Sequence[Sequence[str]]) -> tuple[Path, int]:
    """Of several lists of wanted entries the one that is here most wholly: its root, as in `find_root`, and index."""
    best, best_index, best_score = tree.top, 0, 0
    level = [tree.top]
    for _ in range(SEARCH_DEPTH + 1):
        for candidate in level:
            for index, wanted in enumerate(arrangements):
                score = sum(_is_there(tree, candidate, entry) for entry in wanted)
                if score > best_score:
                    best, best_index, best_score = candidate, index, score
        level = [
            child
            for parent in level
            for name, child in tree.folders[parent].folders.items()
            if name != SYSTEM_FOLDER and child in tree.folders
        ]
    return best, best_index


def _is_there(tree: Tree, root: Path, entry: str) -> bool:
    if not blanks(entry):
        return tree.find(root, entry) is not None
    before = fixed_folder(entry)
    # A pattern that begins with a blank has no folder to look for: only files can tell.
    return any(True for _ in matching(tree, root, entry)) if before == "." else tree.find(root, before) is not None


def image_id_of(*parts: str) -> str:
    """An id from parts of a file's name that is safe as a file name: letters, digits, dot, dash, underscore."""
    return "_".join(re.sub(r"[^A-Za-z0-9.-]+", "_", part).strip("_.") for part in parts if part)


def some_of(items: Sequence[object]) -> str:
    """The first five of what a fault is about, in their order, and a sign where there are more."""
    return ", ".join(map(str, items[:LISTED])) + (", …" if len(items) > LISTED else "")
