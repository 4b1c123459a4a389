"""Finished items of a step under way, kept line by line, so that an interrupted try goes on where it was.

A journal is the file `journal.jsonl` of a hidden work folder; each line holds an item's key and its result, which
covers what the caller says it covers. Files that belong to the items may lie beside it. A folder that was begun
under another stamp (other code, other settings) is emptied; a line torn by a crash is ignored. One process at a
time may use a folder. Leaves out: what a key, a result and a stamp are made of.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from components.artefacts import replacing, write_json

LINES = "journal.jsonl"
STAMP = "stamp.json"


def work_folder(out: Path) -> Path:
    """The hidden folder beside `out` in which `out` is being made."""
    return out.with_name(f".{out.name}.partial.tmp")


class Journal:
    """What is done, by key; results are JSON values, and new ones are on disk as soon as they are added."""

    def __init__(self, folder: Path, stamp: Mapping[str, Any]) -> None:
        self.folder = folder
        path = folder / STAMP
        if folder.exists() and _read_stamp(path) != stamp:
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, stamp)
        self._path = folder / LINES
        self._done = _read_lines(self._path)

    def get(self, key: str) -> Any | None:
        """The result of an item, or None if it isn't done."""
        return self._done.get(key)

    def add(self, key: str, result: Any) -> None:
        """Keep an item's result."""
        with self._path.open("a", encoding="utf-8") as file:
            # A line that a crash left without its end must not swallow this one.
            file.write(("" if file.tell() == 0 else "\n") + _line(key, result))
        self._done[key] = result

    def keep(self, keys: Iterable[str]) -> None:
        """Drop all results but those of `keys`."""
        if not self._done:
            return
        wanted = set(keys)
        if self._done.keys() <= wanted:
            return
        self._done = {key: result for key, result in self._done.items() if key in wanted}
        with replacing(self._path) as beside, beside.open("w", encoding="utf-8") as file:
            file.write("\n".join(_line(key, result) for key, result in self._done.items()))


def _line(key: str, result: Any) -> str:
    return json.dumps({"key": key, "result": result})


def _read_stamp(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _read_lines(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    done: dict[str, Any] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            entry = json.loads(line)
            done[entry["key"]] = entry["result"]
        except (ValueError, KeyError, TypeError):
            continue
    return done
