"""Finished items of a step under way, kept line by line, so that an interrupted try goes on where it was.

A journal is the file `journal.jsonl` of a hidden work folder; each line holds an item's key and its result, which
covers what the caller says it covers. Files that belong to the items may lie beside it. A folder that was begun
under another stamp (other code, other settings) is emptied; a line torn by a crash is ignored. A killed process loses
nothing that was added; a machine that loses its power, the last few seconds. Memory holds a digest of each key and
where its line begins (some 30 bytes an item), neither keys nor results. One process at a time may use a folder, in
several threads, of which one adds. Leaves out: what a key, a result and a stamp are made of, and when a journal has
done its service.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from components.artefacts import replacing, write_json

LINES = "journal.jsonl"
STAMP = "stamp.json"
# To wait for the disk takes some milliseconds, more than many an item.
SYNC_ITEMS, SYNC_S = 100, 5.0
# Sixteen bytes, which numpy orders; it hides zeros at the end only where it makes a Python object of one.
DIGEST = np.dtype("S16")
# How many new items wait in a dictionary, which takes six times the room: so many, or this share of all.
NEW_ITEMS, NEW_SHARE = 1000, 1 / 32


def work_folder(out: Path) -> Path:
    """The hidden folder beside `out` in which `out` is being made."""
    return out.with_name(f".{out.name}.partial.tmp")


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """What was done at some time: a container of keys, of which it holds the digests (n, sorted); can be pickled."""

    digests: np.ndarray

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _place(self.digests, _digest(key)) is not None


class Journal:
    """What is done, by key; results are JSON values, and new ones are in the file as soon as they are added."""

    def __init__(self, folder: Path, stamp: Mapping[str, Any]) -> None:
        self.folder = folder
        path = folder / STAMP
        if _read_stamp(path) != stamp:
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
            write_json(path, stamp)
        self._path = folder / LINES
        self._begins = _Begins((key, begin) for key, begin, _ in _entries(self._path))
        self._unsynced, self._synced_s = 0, time.monotonic()

    def get(self, key: str) -> Any | None:
        """The result of an item, or None if it isn't done."""
        begin = self._begins.get(key)
        if begin is None:
            return None
        with self._path.open("rb") as file:
            file.seek(begin)
            entry = json.loads(file.readline())
        return entry["result"] if entry["key"] == key else None

    def keys(self) -> Keys:
        """What is done by now; what is added later isn't among it."""
        return Keys(self._begins.digests())

    def add(self, key: str, result: Any) -> None:
        """Keep an item's result."""
        with self._path.open("ab") as file:
            # A line that a crash left without its end must not swallow this one.
            if file.tell():
                file.write(b"\n")
            begin = file.tell()
            file.write(_line(key, result))
            file.flush()
            self._unsynced += 1
            if self._unsynced >= SYNC_ITEMS or time.monotonic() - self._synced_s >= SYNC_S:
                os.fsync(file.fileno())
                self._unsynced, self._synced_s = 0, time.monotonic()
        self._begins.put(key, begin)

    def settled(self, key: str, result: Any | None) -> Any:
        """An item's result: a new one, which is kept; or, for None, the one that was kept."""
        if result is None:
            return self.get(key)
        self.add(key, result)
        return result

    def keep(self, keys: Iterable[str]) -> None:
        """Drop all results but those of `keys`, and results of `keys` that were replaced."""
        wanted = Keys(np.sort(np.fromiter(map(_digest, keys), DIGEST)))
        if _found(wanted.digests, self._begins.digests())[1].all():
            return
        with replacing(self._path) as beside, beside.open("wb") as file:
            for key, begin, line in _entries(self._path):
                if key in wanted and self._begins.get(key) == begin:
                    file.write((b"\n" if file.tell() else b"") + line)
            file.flush()
            os.fsync(file.fileno())
        self._begins = _Begins((key, begin) for key, begin, _ in _entries(self._path))


class _Begins:
    """Where the line of each key begins: two arrays in the order of the keys' digests, and a few new ones apart.

    Arrays that were given out, or that another thread may be reading, are replaced, never written into.
    """

    def __init__(self, entries: Iterable[tuple[str, int]]) -> None:
        self._sorted = (np.empty(0, DIGEST), np.empty(0, np.int64))
        self._new: dict[bytes, int] = {}
        for key, begin in entries:
            self.put(key, begin)

    def put(self, key: str, begin: int) -> None:
        self._new[_digest(key)] = begin
        if len(self._new) > max(NEW_ITEMS, NEW_SHARE * len(self._sorted[0])):
            self._merge()

    def get(self, key: str) -> int | None:
        digest = _digest(key)
        # First the new ones: what is merged meanwhile is in the arrays before it is gone from there.
        if (begin := self._new.get(digest)) is not None:
            return begin
        digests, begins = self._sorted
        place = _place(digests, digest)
        return None if place is None else int(begins[place])

    def digests(self) -> np.ndarray:
        """Of all keys, in order (n)."""
        self._merge()
        return self._sorted[0]

    def _merge(self) -> None:
        if not self._new:
            return
        digests, begins = self._sorted
        new = np.fromiter(self._new, DIGEST, len(self._new))
        order = np.argsort(new)
        new, new_begins = new[order], np.fromiter(self._new.values(), np.int64, len(self._new))[order]
        places, old = _found(digests, new)
        digests = np.insert(digests, places[~old], new[~old])
        begins = np.insert(begins, places[~old], new_begins[~old])
        begins[np.searchsorted(digests, new[old])] = new_begins[old]
        self._sorted = (digests, begins)
        self._new = {}


def _digest(key: str) -> bytes:
    # A name that isn't Unicode stands in a key as lone surrogates.
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=DIGEST.itemsize).digest()


def _found(digests: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each of the wanted ones (m) stands in sorted digests (n), or would stand, and whether it is there."""
    places = np.searchsorted(digests, wanted)
    there = places < len(digests)
    there[there] = digests[places[there]] == wanted[there]
    return places, there


def _place(digests: np.ndarray, digest: bytes) -> int | None:
    """Where a digest stands in sorted ones, None if it doesn't."""
    place = int(np.searchsorted(digests, np.frombuffer(digest, DIGEST))[0])
    # The bytes, as numpy's own scalar lacks zeros at the end.
    return place if digests[place : place + 1].tobytes() == digest else None


def _line(key: str, result: Any) -> bytes:
    return json.dumps({"key": key, "result": result}).encode()


def _read_stamp(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _entries(path: Path) -> Iterator[tuple[str, int, bytes]]:
    """Each whole line: its key, where it begins, and itself without its end."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        begin = 0
        for line in file:
            try:
                entry = json.loads(line)
                key, _ = entry["key"], entry["result"]
            except (ValueError, KeyError, TypeError, RecursionError):
                pass
            else:
                if isinstance(key, str):
                    yield key, begin, line.rstrip(b"\n")
            begin += len(line)
