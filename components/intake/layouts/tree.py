"""A dataset's folder, to a list of all that lies in it: taken from the disk once, and only looked up afterwards.

Nothing outside the folder is ever named: a link is a file only if it leads to a file within the folder. All other
links, what is neither file nor folder, and what this user may not read are listed apart, so that a reading can tell of
them. Of a file memory holds the name's letters and eight bytes; its path is made when it is asked for. Leaves out:
opening anything.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Self

from components.texts import Numbers, Texts

MAX_DEPTH = 100
PHANTOM_NOTICE = "PHANTOM.txt"
_NO_CONTENT = (".gitignore", PHANTOM_NOTICE)
_EFFECTIVE = os.access in os.supports_effective_ids


@dataclass(frozen=True, slots=True)
class Entries:
    """The files and folders of the folder `place`, in the order of their names.

    `before` is what stands before a file's name in its path from the top of the tree.
    """

    place: Path
    before: str
    files: Texts
    folders: dict[str, Path]

    def content(self) -> Iterator[tuple[int, str]]:
        """The files with their places, but for DVC's own .gitignore and the phantoms' notice."""
        return ((at, name) for at, name in enumerate(self.files) if name not in _NO_CONTENT)


@dataclass(slots=True)
class Tree:
    """All that lies in the folder `top`, by folder. Files are numbered folder by folder, in the order of their names.

    `links` lead out of the folder, to a folder, in a circle or to nothing; `special` are pipes, sockets and devices;
    `closed` are files and folders that may not be read; `too_deep` says whether folders lie more than `MAX_DEPTH`
    deep, which aren't listed.
    """

    top: Path
    folders: dict[Path, Entries] = field(default_factory=dict)
    links: list[Path] = field(default_factory=list)
    special: list[Path] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)
    too_deep: bool = False
    _all: list[Entries] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)
    _firsts: list[int] = field(default_factory=list)
    _number: int = 0
    _folded: dict[Path, tuple[Numbers, dict[str, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, top: Path) -> Self:
        """List a folder; one whose files may not even be listed counts as empty, and is told as closed."""
        tree = cls(top)
        for here in tree.walked():
            tree.folders[here.place] = here
            tree._places[_folder_of(here.place / "file")] = len(tree._all)
            tree._all.append(here)
            tree._firsts.append(tree._number)
            tree._number += len(here.files)
        return tree

    def __len__(self) -> int:
        """The number of files."""
        return self._number

    def walked(self) -> Iterator[Entries]:
        """What each folder holds, which isn't kept; what is told apart is."""
        real = os.path.realpath(self.top)
        left = [(self.top, "", 0)]
        while left:
            folder, before, depth = left.pop()
            here = self._listed(folder, before, real)
            yield here
            if here.folders and depth == MAX_DEPTH:
                self.too_deep = True
            else:
                left += [(here.folders[name], f"{before}{name}/", depth + 1) for name in reversed(here.folders)]

    def _listed(self, folder: Path, before: str, real: str) -> Entries:
        files: list[str] = []
        apart: dict[str, list[str]] = {"folders": [], "links": [], "special": [], "closed": []}
        try:
            with os.scandir(folder) as found:
                # Without a list of the entries, each of which takes several times its name.
                for entry in found:
                    kind = _kind(entry, real)
                    (files if kind == "files" else apart[kind]).append(entry.name)
                    if kind == "files" and not os.access(entry.path, os.R_OK, effective_ids=_EFFECTIVE):
                        apart["closed"].append(entry.name)
        except OSError:
            self.closed.append(folder)
            return Entries(folder, before, Texts(), {})
        for kind, told in (("links", self.links), ("special", self.special), ("closed", self.closed)):
            told += [folder / name for name in sorted(apart[kind])]
        files.sort()
        return Entries(folder, before, Texts(files), {name: folder / name for name in sorted(apart["folders"])})

    def files(self) -> Iterator[tuple[int, Path]]:
        """All files with their numbers, folder by folder, but for DVC's own .gitignore and the phantoms' notice."""
        for first, here in zip(self._firsts, self._all, strict=True):
            for at, name in here.content():
                yield first + at, here.place / name

    def path(self, number: int) -> Path:
        """The file of this number."""
        here, at = self._entry(number)
        return here.place / here.files[at]

    def name(self, number: int) -> str:
        """The name of the file of this number, from the top of the tree."""
        here, at = self._entry(number)
        return here.before + here.files[at]

    def _entry(self, number: int) -> tuple[Entries, int]:
        folder = bisect_right(self._firsts, number) - 1
        return self._all[folder], number - self._firsts[folder]

    def numbers(self, folder: Path) -> range:
        """The numbers of a folder's files."""
        first = self._firsts[self._places[_folder_of(folder / "file")]]
        return range(first, first + len(self.folders[folder].files))

    def number(self, path: Path) -> int | None:
        """The number of a file, None for what is none under `top`."""
        place = self._places.get(_folder_of(path))
        at = None if place is None else self._all[place].files.place(path.name)
        return None if place is None or at is None else self._firsts[place] + at

    def notice(self) -> Path | None:
        """The notice that the phantom generator puts beside its images, wherever it lies."""
        found = (here.place / PHANTOM_NOTICE for here in self._all if here.files.place(PHANTOM_NOTICE) is not None)
        return min(found, default=None)

    def is_file(self, path: Path) -> bool:
        """Whether a path under `top` is one of its files."""
        return self.number(path) is not None

    def find(self, root: Path, relative: str) -> Path | None:
        """The file or folder of this path under `root`, else the first that differs from it in case only."""
        place = root
        for wanted in PurePosixPath(relative).parts:
            here = self.folders.get(place)
            name = None if here is None else self._named(here, wanted)
            if name is None:
                return None
            place = place / name
        return place

    def _named(self, here: Entries, name: str) -> str | None:
        if name in here.folders or here.files.place(name) is not None:
            return name
        if here.place not in self._folded:
            files, folders = Numbers(), dict[str, str]()
            for at, other in enumerate(here.files):
                files.setdefault(other.casefold(), at)
            for other in here.folders:
                folders.setdefault(other.casefold(), other)
            self._folded[here.place] = files, folders
        files, folders = self._folded[here.place]
        place = files.get(name.casefold())
        alike = (None if place is None else here.files[place], folders.get(name.casefold()))
        return min((other for other in alike if other is not None), default=None)


class Marks(Collection[Path]):
    """Some of a tree's files; it takes a byte for each file that the tree has."""

    def __init__(self, tree: Tree) -> None:
        self._tree, self._marked = tree, bytearray(len(tree))

    def add(self, path: Path) -> None:
        """Mark one of the tree's files."""
        number = self._tree.number(path)
        assert number is not None, "a file of the tree"
        self._marked[number] = True

    def update(self, paths: Iterable[Path]) -> None:
        """Mark several."""
        for path in paths:
            self.add(path)

    def others(self) -> Iterator[Path]:
        """The files that aren't marked, but for those that are no content."""
        others = (self._tree.path(number) for number in range(len(self._marked)) if not self._marked[number])
        return (path for path in others if path.name not in _NO_CONTENT)

    def __contains__(self, path: object) -> bool:
        number = self._tree.number(path) if isinstance(path, Path) else None
        return number is not None and bool(self._marked[number])

    def __iter__(self) -> Iterator[Path]:
        return (self._tree.path(number) for number in range(len(self._marked)) if self._marked[number])

    def __len__(self) -> int:
        return self._marked.count(True)


def _folder_of(path: Path) -> str:
    # As a text, which costs a fifth of a path that is made, and looked up, for it.
    return str(path).rpartition("/")[0]


def _kind(entry: os.DirEntry[str], real: str) -> str:
    """Which of the lists of a folder an entry belongs to."""
    if entry.is_dir(follow_symlinks=False):
        return "folders"
    if entry.is_symlink():
        return "files" if _leads_to_a_file_of(real, entry.path) else "links"
    return "files" if entry.is_file(follow_symlinks=False) else "special"


def _leads_to_a_file_of(real: str, link: str) -> bool:
    """Whether a link leads to a file within the folder whose true path is `real`."""
    try:
        target = os.path.realpath(link, strict=True)
    except OSError:
        return False
    return Path(target).is_file() and os.path.commonpath([real, target]) == real


def files_under(folder: Path) -> Iterator[Path]:
    """All files under a folder, but for DVC's own .gitignore and the phantoms' notice; one folder's are held at a
    time."""
    for here in Tree(folder).walked():
        for _, name in here.content():
            yield here.place / name
