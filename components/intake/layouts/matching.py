"""The files of a tree that match a pattern, that belong together, or in the order in which a person sorts them.

Memory holds neither paths nor matches: a file is found again by its number in the tree, and what stood in the blanks is
looked up anew. An index takes 24 bytes a file. Leaves out: what the blanks mean (the readers).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from components.intake.layouts.pattern import SHADOW, SYSTEM_FOLDER, fixed_folder, to_regex
from components.intake.layouts.tree import Tree
from components.texts import Numbers, Texts

_DIGITS = re.compile(r"\d+")


class Matches:
    """All files of some folders whose path from a root fits a pattern, with what stood in its blanks."""

    def __init__(self, tree: Tree, before: Mapping[Path, str], regex: re.Pattern[str]) -> None:
        self._tree, self._before, self._regex = tree, before, regex

    def __iter__(self) -> Iterator[tuple[Path, dict[str, str]]]:
        for folder, before in self._before.items():
            for name in self._tree.folders[folder].files:
                if (values := self._values(before, name)) is not None:
                    yield folder / name, values

    def numbered(self) -> Iterator[tuple[int, dict[str, str]]]:
        """The files' numbers instead of their paths."""
        for folder, before in self._before.items():
            for number, name in zip(self._tree.numbers(folder), self._tree.folders[folder].files, strict=True):
                if (values := self._values(before, name)) is not None:
                    yield number, values

    def values(self, path: Path) -> dict[str, str] | None:
        """What stood in the blanks of the path of one of the tree's files, None if it doesn't match."""
        before = self._before.get(path.parent)
        return None if before is None else self._values(before, path.name)

    def _values(self, before: str, name: str) -> dict[str, str] | None:
        match = None if name.startswith(SHADOW) else self._regex.fullmatch(before + name)
        return None if match is None else match.groupdict()


class ByValues:
    """Matched files by what stood in their blanks, so that an image finds its mask; the first of equals."""

    def __init__(self, tree: Tree, matches: Matches) -> None:
        self._tree, self._matches, self._numbers = tree, matches, Numbers()
        self._asked = bytearray(len(tree))
        for number, values in matches.numbered():
            self._numbers.setdefault(_key_of(values), number)

    def get(self, values: Mapping[str, str]) -> Path | None:
        """The first file of these values."""
        number = self._numbers.get(_key_of(values))
        if number is None:
            return None
        self._asked[number] = True
        return self._tree.path(number)

    def left(self) -> Iterator[Path]:
        """The files of values that nobody asked for."""
        for number, values in self._matches.numbered():
            first = self._numbers.get(_key_of(values))
            assert first is not None, "of one of the files"
            if not self._asked[first]:
                yield self._tree.path(number)


class Groups:
    """The tree's files by a text that several share, each with its number; the groups stand as they came."""

    def __init__(self, entries: Iterable[tuple[str, int]]) -> None:
        self._places = Numbers()
        places, numbers, groups = array("q"), array("q"), 0
        for text, number in entries:
            places.append(self._places.setdefault(text, groups))
            numbers.append(number)
            groups += places[-1] == groups
        order = np.argsort(np.asarray(places), kind="stable")
        self._numbers = np.asarray(numbers)[order]
        self._begins = np.searchsorted(np.asarray(places)[order], np.arange(groups + 1))

    def __len__(self) -> int:
        return len(self._begins) - 1

    def place(self, text: str) -> int | None:
        """Which group has this text, None if none has."""
        return self._places.get(text)

    def numbers(self, place: int) -> list[int]:
        """The numbers of a group's files, as they came."""
        return [int(number) for number in self._numbers[self._begins[place] : self._begins[place + 1]]]


def matching(tree: Tree, root: Path, pattern: str) -> Matches:
    """All files under `root` that match a pattern, folder by folder in the order of their names."""
    folder = fixed_folder(pattern)
    start = tree.find(root, folder)
    rest = pattern if folder == "." else pattern[len(folder) + 1 :]
    level = {start: ""} if start is not None and start in tree.folders else {}
    for _ in range(rest.count("/")):
        level = {
            child: f"{before}{name}/"
            for place, before in level.items()
            for name, child in tree.folders[place].folders.items()
            if child in tree.folders
        }
    return Matches(tree, level, to_regex(rest))


def _key_of(values: Mapping[str, str]) -> str:
    """What stood in the blanks, none of which can hold a slash, in one order whatever the pattern's."""
    return "/".join(values[name] for name in sorted(values))


def natural(tree: Tree, numbers: Iterable[int]) -> Iterator[int]:
    """Files sorted as a person would, image 2 before image 10, without what macOS adds to archives."""
    mine, names = array("q"), Texts()
    for number in numbers:
        name = tree.name(number)
        if not name.rpartition("/")[2].startswith(SHADOW) and f"/{SYSTEM_FOLDER}/" not in f"{tree.top}/{name}":
            mine.append(number)
            names.append(_DIGITS.sub(_by_size, name))
    return (mine[place] for place in names.order())


def _by_size(digits: re.Match[str]) -> str:
    """A number behind how many digits it has, so that texts compare as their numbers do."""
    return f"{len(digits[0].lstrip('0')):03}{digits[0]}"
