"""A dataset's folder, to a list of all that lies in it: taken from the disk once, and only looked up afterwards.

Nothing outside the folder is ever named: a link is a file only if it leads to a file within the folder. All other
links, what is neither file nor folder, and what this user may not read are listed apart, so that a reading can tell of
them. Leaves out: opening anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Self

from components.intake.layouts.pattern import SHADOW, fixed_folder, to_regex

MAX_DEPTH = 100
PHANTOM_NOTICE = "PHANTOM.txt"
_NO_CONTENT = (".gitignore", PHANTOM_NOTICE)
_EFFECTIVE = os.access in os.supports_effective_ids


@dataclass(frozen=True, slots=True)
class Entries:
    """The files and folders of one folder, by name, in the order of their names."""

    files: dict[str, Path] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)

    def content(self) -> Iterator[Path]:
        """The files, but for DVC's own .gitignore and the phantoms' notice."""
        return (path for name, path in self.files.items() if name not in _NO_CONTENT)


@dataclass(slots=True)
class Tree:
    """All that lies in the folder `top`, by folder.

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
    _folded: dict[Path, dict[str, Path]] = field(default_factory=dict)

    @classmethod
    def of(cls, top: Path) -> Self:
        """List a folder; one whose files may not even be listed counts as empty, and is told as closed."""
        tree = cls(top)
        for folder, here in tree.walked():
            tree.folders[folder] = here
        return tree

    def walked(self) -> Iterator[tuple[Path, Entries]]:
        """Each folder with what it holds, which isn't kept; what is told apart is."""
        real = os.path.realpath(self.top)
        left = [(self.top, 0)]
        while left:
            folder, depth = left.pop()
            here = self._listed(folder, real)
            yield folder, here
            if here.folders and depth == MAX_DEPTH:
                self.too_deep = True
            else:
                left += [(child, depth + 1) for child in reversed(here.folders.values())]

    def _listed(self, folder: Path, real: str) -> Entries:
        here = Entries()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            self.closed.append(folder)
            return here
        for entry in entries:
            path = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                here.folders[entry.name] = path
            elif entry.is_symlink() and not _leads_to_a_file_of(real, entry.path):
                self.links.append(path)
            elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
                here.files[entry.name] = path
                if not os.access(entry.path, os.R_OK, effective_ids=_EFFECTIVE):
                    self.closed.append(path)
            else:
                self.special.append(path)
        return here

    def files(self) -> Iterator[Path]:
        """All files, folder by folder, but for DVC's own .gitignore and the phantoms' notice."""
        for here in self.folders.values():
            yield from here.content()

    def notice(self) -> Path | None:
        """The notice that the phantom generator puts beside its images, wherever it lies."""
        found = (here.files[PHANTOM_NOTICE] for here in self.folders.values() if PHANTOM_NOTICE in here.files)
        return min(found, default=None)

    def is_file(self, path: Path) -> bool:
        """Whether a path under `top` is one of its files."""
        here = self.folders.get(path.parent)
        return here is not None and path.name in here.files

    def find(self, root: Path, relative: str) -> Path | None:
        """The file or folder of this path under `root`, else the first that differs from it in case only."""
        place = root
        for name in PurePosixPath(relative).parts:
            here = self.folders.get(place)
            found = None if here is None else here.files.get(name) or here.folders.get(name) or self._fold(place, name)
            if found is None:
                return None
            place = found
        return place

    def _fold(self, folder: Path, name: str) -> Path | None:
        if folder not in self._folded:
            here = self.folders[folder]
            named = sorted((here.files | here.folders).items(), reverse=True)
            self._folded[folder] = {other.casefold(): path for other, path in named}
        return self._folded[folder].get(name.casefold())

    def matching(self, root: Path, pattern: str) -> dict[Path, dict[str, str]]:
        """All files under `root` that match a pattern, in the order of their names, with what stood in the blanks."""
        folder = fixed_folder(pattern)
        start = self.find(root, folder)
        if start is None or start not in self.folders:
            return {}
        rest = pattern if folder == "." else pattern[len(folder) + 1 :]
        regex = to_regex(rest)
        level = [("", start)]
        for _ in range(rest.count("/")):
            level = [
                (f"{before}{name}/", child)
                for before, place in level
                for name, child in self.folders[place].folders.items()
                if child in self.folders
            ]
        found: dict[Path, dict[str, str]] = {}
        for before, place in level:
            for name, path in self.folders[place].files.items():
                if not name.startswith(SHADOW) and (match := regex.fullmatch(before + name)):
                    found[path] = match.groupdict()
        return found


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
    for _, here in Tree(folder).walked():
        yield from here.content()
