"""Records to a table of what dividing them asks: a row an image, numbers in columns, texts one after the other.

It takes some hundred bytes an image; the records themselves may stand on the disk (components/stored_list.py) and are
read again where a hash or pixels are asked for. Leaves out: what follows from the table (relatives.py, strata.py,
assignment.py).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from components.texts import Texts
from components.types import Record

Key = tuple[str, str]
"""(dataset, image_id)."""

Datasets = Mapping[str, Sequence[Record]]
Integers = NDArray[np.int64]
OFFICIAL_TEST = "test"


class Rows:
    """Records in the order in which they come; each column holds a value for each (n).

    Attributes
    ----------
    names, dataset
        The names of the datasets, sorted (some may have no image), and each image's place among them.
    ids, pixels
        Image ids, and digests of pixels.
    groups, group
        The names of the groups (`dataset/group`), sorted, each once, and each image's place among them.
    classes, subject_class
        The classes, empty where the authors give none, and each image's place among them.
    long_side_px, largest_share
        Of the frame, and the share of it that the largest object covers, 0 without any.
    official_test, phantom
        Whether it is of its authors' test set, and whether it is a phantom.
    """

    def __init__(self, *parts: Sequence[Record], names: Iterable[str] = ()) -> None:
        self._parts = parts
        self._begins = np.cumsum([0, *map(len, parts)]).tolist()
        self.ids, self.pixels = Texts(), Texts()
        groups = Texts()
        known = {name: number for number, name in enumerate(names)}
        classes: dict[str, int] = {}
        dataset, subject_class, long_side, share = array("i"), array("i"), array("i"), array("d")
        official, phantom = bytearray(), bytearray()
        for record in self.records():
            self.ids.append(record.image_id)
            self.pixels.append(record.pixels_md5)
            groups.append(f"{record.dataset}/{record.group}")
            dataset.append(known.setdefault(record.dataset, len(known)))
            subject_class.append(classes.setdefault(record.subject_class or "", len(classes)))
            long_side.append(max(record.height_px, record.width_px))
            largest_px = max((one.area_px for one in record.objects), default=0)
            share.append(largest_px / (record.height_px * record.width_px))
            official.append(record.official_split == OFFICIAL_TEST)
            phantom.append(record.phantom)
        self.names, self.dataset = _sorted_names(known, dataset)
        self.classes, self.subject_class = _sorted_names(classes, subject_class)
        self.long_side_px = long_side
        self.largest_share = np.array(share, dtype=np.float64)
        self.official_test = np.array(official, dtype=np.bool_)
        self.phantom = np.array(phantom, dtype=np.bool_)
        self.group, self.groups = numbered(groups)

    @property
    def count(self) -> int:
        """How many images there are."""
        return len(self.ids)

    def records(self) -> Iterator[Record]:
        """The records in their order, read once more."""
        return (record for part in self._parts for record in part)

    def record(self, row: int) -> Record:
        """One of them."""
        part = int(np.searchsorted(self._begins, row, side="right")) - 1
        return self._parts[part][row - self._begins[part]]

    def key(self, row: int) -> Key:
        """The dataset and id of a row."""
        return self.names[self.dataset[row]], self.ids[row]

    @cached_property
    def in_order(self) -> Integers:
        """The rows (n) by dataset and id."""
        rank = np.empty(self.count, dtype=np.int64)
        rank[self.ids.order()] = np.arange(self.count)
        return np.lexsort((rank, self.dataset))

    def row(self, key: Key) -> int:
        """The row of an image; KeyError if it isn't there."""
        at = bisect_left(self.in_order, key, key=lambda row: self.key(int(row)))
        if at == self.count or self.key(int(self.in_order[at])) != key:
            raise KeyError(key)
        return int(self.in_order[at])


class Images(Rows, Mapping[str, Sequence[Record]]):
    """The records of several datasets, by name, and their rows: one dataset after the other, sorted by name."""

    def __init__(self, datasets: Datasets) -> None:
        self._datasets = {name: datasets[name] for name in sorted(datasets)}
        super().__init__(*self._datasets.values(), names=self._datasets)

    def __getitem__(self, name: str) -> Sequence[Record]:
        return self._datasets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._datasets)

    def __len__(self) -> int:
        return len(self._datasets)


def images_of(datasets: Datasets) -> Images:
    """The table of these datasets; they themselves if they are one."""
    return datasets if isinstance(datasets, Images) else Images(datasets)


class ByKey(Mapping[Key, Record]):
    """Records by key, each read when it is asked for."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __getitem__(self, key: Key) -> Record:
        return self._rows.record(self._rows.row(key))

    def __iter__(self) -> Iterator[Key]:
        return map(self._rows.key, range(len(self)))

    def __len__(self) -> int:
        return self._rows.count


def numbered(texts: Texts) -> tuple[Integers, Texts]:
    """A number for each text (n), equal ones the same, in the order of the texts; and the text of each number."""
    order = texts.order()
    names = Texts()
    numbers = np.empty(len(order), dtype=np.int64)
    last = None
    for at in order.tolist():
        text = texts[at]
        if text != last:
            names.append(text)
            last = text
        numbers[at] = len(names) - 1
    return numbers, names


def first_of(numbers: Integers) -> Integers:
    """For each of the numbers (n) the place of the first one that is equal."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], dtype=np.int64)


def _sorted_names(found: Mapping[str, int], numbers: array[int]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """The names, sorted, and the place of each element's name among them."""
    names = tuple(sorted(found))
    place = np.zeros(max(len(names), 1), dtype=np.int32)
    place[[found[name] for name in names]] = np.arange(len(names))
    return names, place[np.frombuffer(numbers, dtype=np.int32)] if len(numbers) else np.zeros(0, dtype=np.int32)
