"""Finished items of a step under way, kept line by line, so that an interrupted try goes on where it was.

A journal is the file `journal.jsonl` of a hidden work folder; each line holds an item's key and its result, which
covers what the caller says it covers. Files that belong to the items may lie beside it. A folder that was begun under
another stamp (other code, other settings) is emptied; a line that a crash tore, or that isn't what was added (each
begins with its CRC-32), is ignored. A killed process loses nothing that was added; a machine that loses its power, the
last few seconds. Memory holds a digest of each key and where its line begins (some 30 bytes an item), neither keys nor
results. One process at a time may use a folder, in several threads, of which one adds. Leaves out: what a key, a result
and a stamp are made of, and when a journal has done its service.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from components.artefacts import replacing, write_json
from components.texts import Keys, Numbers

LINES = "journal.jsonl"
STAMP = "stamp.json"
_CRC32 = b'{"crc32": "%08x", '
# To wait for the disk takes some milliseconds, more than many an item.
SYNC_ITEMS, SYNC_S = 100, 5.0


def work_folder(out: Path) -> Path:
    """The hidden folder beside `out` in which `out` is being made."""
    return out.with_name(f".{out.name}.partial.tmp")


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
        self._begins = Numbers((key, begin) for key, begin, _ in _entries(self._path))
        self._unsynced, self._synced_s = 0, time.monotonic()

    def get(self, key: str) -> Any | None:
        """The result of an item, or None if it isn't done."""
        begin = self._begins.get(key)
        if begin is None:
            return None
        with self._path.open("rb") as file:
            file.seek(begin)
            entry = _entry(file.readline())
        return entry["result"] if entry is not None and entry["key"] == key else None

    def keys(self) -> Keys:
        """What is done by now; what is added later isn't among it."""
        return self._begins.keys()

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
        self._begins[key] = begin

    def settled(self, key: str, result: Any | None) -> Any:
        """An item's result: a new one, which is kept; or, for None, the one that was kept."""
        if result is None:
            return self.get(key)
        self.add(key, result)
        return result

    def keep(self, keys: Iterable[str]) -> None:
        """Drop all results but those of `keys`, and results of `keys` that were replaced."""
        wanted = Keys.of(keys)
        if wanted >= self._begins.keys():
            return
        with replacing(self._path) as beside, beside.open("wb") as file:
            for key, begin, line in _entries(self._path):
                if key in wanted and self._begins.get(key) == begin:
                    file.write((b"\n" if file.tell() else b"") + line)
            file.flush()
            os.fsync(file.fileno())
        self._begins = Numbers((key, begin) for key, begin, _ in _entries(self._path))


def _line(key: str, result: Any) -> bytes:
    rest = json.dumps({"key": key, "result": result})[1:].encode()
    return _CRC32 % zlib.crc32(rest) + rest


def _entry(line: bytes) -> Any | None:
    """A line's key and result; None where it isn't what was written."""
    begin = _CRC32 % zlib.crc32(line.rstrip(b"\n")[len(_CRC32 % 0) :])
    return json.loads(line) if line.startswith(begin) else None


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
            if (entry := _entry(line)) is not None:
                yield entry["key"], begin, line.rstrip(b"\n")
            begin += len(line)
