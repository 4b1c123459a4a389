"""One COCO file, to its images and to the objects of each, with a fault for everything that an entry can do wrong.

Every fault names the file and the entry's id, so that rasterising (measuring/pixels.py) can't fail. The file is read
twice, entry by entry, as annotations may stand before the images that they need; what is kept are the images and the
numbers of their outlines, both on the disk, and so many entries, outlines and faults at most. Memory holds some hundred
bytes for an image and for an annotation. Leaves out: the files of images (coco.py).
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from components.intake.layouts.instances import OutlineError, instance_of
from components.intake.layouts.json_lists import JsonLists
from components.intake.layouts.reading import LISTED, Instance, Reader, some_of
from components.preprocess import MAX_IMAGE_PX
from components.stored_list import StoredList
from components.texts import Numbers

MAX_JSON_BYTES = 2**30
MAX_ENTRIES = 2_000_000
MAX_AN_IMAGE = 2_000
MAX_TOLD = 1_000
MAX_NAME_LETTERS = 200
_KEYS = ("images", "annotations", "categories")
# JSON can hold what no table does: control characters, and halves of a pair that makes one sign.
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Listed:
    """An image's entry: id, file, declared size, and those of its further fields that the contract asks for."""

    key: str
    file_name: str
    size_hw: tuple[int, int]
    fields: dict[str, str]


@dataclass(slots=True)
class _Seen:
    """The ids that a list had so far, how many entries had none, and those of more than one entry."""

    ids: Numbers = field(default_factory=Numbers)
    number: int = 0
    nameless: int = 0
    double: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Some:
    """How many there were, and the first of them."""

    number: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, item: str) -> None:
        self.number += 1
        if self.number <= LISTED + 1:
            self.first.append(item)


class CocoSheet:
    """A COCO file while it is read, and what was found.

    The `images`, their objects (`with_objects`), and the ids of those that a fault took an annotation from (`broken`).
    `categories` maps the names of categories to codes, None for those that are left out; `crowd` and `even_odd` are as
    in the layout's options, `fields` are the keys of an image's entry that are kept.
    """

    def __init__(
        self,
        reader: Reader,
        path: Path,
        *,
        categories: Mapping[str, int | None],
        crowd: Literal["refuse", "object", "leave_out"],
        even_odd: bool,
        fields: Collection[str],
    ) -> None:
        self.path = path
        self.images: StoredList[Listed] = StoredList()
        self._places, self._by_name = Numbers(), Numbers()
        self._objects: StoredList[Instance] = StoredList()
        self._image_of, self._objects_of = array("q"), array("q")
        self.broken: set[str] = set()
        self._reader, self._names, self._crowd, self._even_odd = reader, categories, crowd, even_odd
        self._fields = fields
        self._codes: dict[str, int | None] = {}
        self._strange: set[str] = set()
        self._seen: dict[str, _Seen] = defaultdict(_Seen)
        self._told: Counter[str] = Counter()
        self._orphans = _Some()
        self._unlisted: dict[str, _Some] = {}
        self._crowded: Counter[int] = Counter()

    def read(self) -> bool:
        """Read the file; false, and a fault, if it can't be read to its end."""
        source = self._reader.sheet(self.path)
        try:
            size = source.stat().st_size
            if size > MAX_JSON_BYTES:
                raise ValueError(f"{size:,} bytes, more than {MAX_JSON_BYTES:,}")
            lists = JsonLists(source, _KEYS)
            for kind, row in lists.entries("images", "categories"):
                self._entry(kind, row)
            if missing := [key for key in _KEYS if key not in lists.begun]:
                raise ValueError(f"no list of {', '.join(missing)}")
            if double := [key for key in _KEYS if lists.begun[key] > 1]:
                raise ValueError(f"more than one list of {', '.join(double)}")
            for kind, row in lists.entries("annotations"):
                self._entry(kind, row)
        except (ValueError, RecursionError, OSError) as error:
            found = f"can't be read: {str(error)[:MAX_NAME_LETTERS]}"
            self._reader.fault("bad_annotations", self.path, found)
            return False
        self._tell_together()
        return True

    def _entry(self, kind: str, row: Any) -> None:
        """Take an entry; one without a usable id, or with one that an entry before it has, is only counted."""
        seen = self._seen[kind]
        key = _id(row.get("id")) if isinstance(row, dict) else None
        if key is None:
            seen.nameless += 1
        elif key in seen.ids:
            seen.double.append(key)
        else:
            seen.ids[key] = 1
            seen.number += 1
            {"images": self._image, "categories": self._category, "annotations": self._annotation}[kind](key, row)
        if seen.number + seen.nameless + len(seen.double) > MAX_ENTRIES:
            raise ValueError(f"more than {MAX_ENTRIES:,} {kind}")

    def _category(self, key: str, row: dict[str, Any]) -> None:
        name = row.get("name")
        if isinstance(name, str) and name in self._names:
            self._codes[key] = self._names[name]
            return
        self._strange.add(key)
        found = f"category {key} {str(name)[:MAX_NAME_LETTERS]!r}"
        self._tell("unknown_category", found, expected=f"one of {', '.join(self._names)}")

    def _image(self, key: str, row: dict[str, Any]) -> None:
        name: Any = row.get("file_name")
        height_px: Any = row.get("height")
        width_px: Any = row.get("width")
        if not _is_inside(name):
            self._tell("bad_annotations", f"image {key}: the file name {str(name)[:MAX_NAME_LETTERS]!r}")
        elif not (_is_side(height_px) and _is_side(width_px) and height_px * width_px <= MAX_IMAGE_PX):
            found = f"image {key}: width {_short(width_px)}, height {_short(height_px)}"
            self._tell("bad_annotations", found, expected=f"sides of an image of {MAX_IMAGE_PX:,} pixels")
        elif (same := self._by_name.get(name)) is not None:
            self._tell("duplicate_id", f"images {self.images[same].key} and {key} are one file, {name}")
        else:
            self._by_name[name] = self._places[key] = len(self.images)
            self._objects_of.append(0)
            values = {field: _id(row.get(field)) for field in self._fields}
            fields = {field: value for field, value in values.items() if value is not None}
            self.images.append(Listed(key, name, (height_px, width_px), fields))

    def _annotation(self, key: str, row: dict[str, Any]) -> None:
        image, category = _id(row.get("image_id")), _id(row.get("category_id"))
        place = None if image is None else self._places.get(image)
        if image is None or place is None:
            self._orphans.add(key)
            return
        if category is None or category not in self._codes:
            self.broken.add(image)
            if category not in self._strange:
                self._without_category(_short(row.get("category_id")), key)
            return
        code = self._codes[category]
        crowd = row.get("iscrowd") not in (0, None, False)
        if code is None or (crowd and self._crowd == "leave_out"):
            return
        if crowd and self._crowd == "refuse":
            self._tell("crowd_region", f"annotation {key} of {self.images[place].file_name}")
            self.broken.add(image)
        elif self._objects_of[place] == MAX_AN_IMAGE:
            self._crowded[place] += 1
        else:
            self._outline(key, place, row.get("segmentation"), code)

    def _outline(self, key: str, place: int, segmentation: Any, code: int) -> None:
        listed = self.images[place]
        try:
            found = instance_of(segmentation, code, size_hw=listed.size_hw, even_odd=self._even_odd)
        except OutlineError as error:
            self._tell(error.code, f"annotation {key} of {listed.file_name}: {error}")
            self.broken.add(listed.key)
        else:
            self._objects.append(found)
            self._image_of.append(place)
            self._objects_of[place] += 1

    def with_objects(self) -> Iterator[tuple[Listed, tuple[Instance, ...]]]:
        """Each image in the file's order, with its objects in theirs."""
        order = iter(np.argsort(np.asarray(self._image_of), kind="stable"))
        for listed, number in zip(self.images, self._objects_of, strict=True):
            yield listed, tuple(self._objects[int(place)] for place in islice(order, number))

    def _without_category(self, name: str, key: str) -> None:
        known = name in self._unlisted or len(self._unlisted) < MAX_TOLD
        self._unlisted.setdefault(name if known else "(others)", _Some()).add(key)

    def _tell(self, code: str, found: str, *, expected: str = "") -> None:
        """A fault of one entry, up to a number of them that a person might read."""
        self._told[code] += 1
        if self._told[code] <= MAX_TOLD:
            self._reader.fault(code, self.path, found, expected=expected)

    def _tell_together(self) -> None:
        """The faults of many entries in one."""
        fault = self._reader.fault
        for kind, seen in self._seen.items():
            if seen.nameless:
                fault("bad_annotations", self.path, f"{seen.nameless} {kind} without an id of number or text")
            if seen.double:
                fault("duplicate_id", self.path, f"{kind} with an id that another has: {some_of(seen.double)}")
        if self._orphans.number:
            found = f"annotations of no listed image: {some_of(self._orphans.first)} ({self._orphans.number:,} in all)"
            fault("annotation_without_image", self.path, found)
        for name, keys in self._unlisted.items():
            found = f"category id {name!r} of annotations {some_of(keys.first)}"
            fault("unknown_category", self.path, found, expected="a category that the file lists")
        for place, more in self._crowded.items():
            listed = self.images[place]
            self.broken.add(listed.key)
            found = f"{listed.file_name} has {MAX_AN_IMAGE + more:,} annotations"
            fault("too_many_objects", self.path, found)
        for code, number in self._told.items():
            if number > MAX_TOLD:
                fault(code, self.path, f"{number - MAX_TOLD:,} more entries of this kind, after the first {MAX_TOLD:,}")


def _id(value: Any) -> str | None:
    """An id as text: files mix 7 and "7" between their lists. None for what is no id."""
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        text = str(value) if isinstance(value, str) or abs(value) < 10**40 else ""
        return text if 0 < len(text) <= MAX_NAME_LETTERS and not _NO_TEXT.search(text) else None
    return None


def _short(value: Any) -> str:
    """What stands where a number should, or its beginning; a large structure isn't written out."""
    return str(value)[:20] if value is None or isinstance(value, str | int | float) else type(value).__name__


def _is_inside(name: Any) -> bool:
    """Whether a file name from a stranger stays within the folder of images."""
    if not isinstance(name, str) or len(name) > MAX_NAME_LETTERS or not name.isprintable() or "\\" in name:
        return False
    if len(name.encode()) > MAX_NAME_LETTERS:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and bool(path.name)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
