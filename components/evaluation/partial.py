"""Rows of a validation under way, kept image by image, so that an interrupted one continues where it was.

A line of `rows.jsonl` holds an image's key and rows. The key covers everything that the rows depend on; a line
with another key, or one torn by a crash, is ignored. The folder goes when the validation is done. Leaves out:
what a key is made of.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from components.evaluation.cases import Row

ROWS = "rows.jsonl"


class PartialRows:
    """The rows that are done, by image key; new ones are appended to the file at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ROWS
        self._done = _read(self._path)

    def get(self, key: str) -> list[Row] | None:
        """The rows of an image, or None if it isn't done."""
        return self._done.get(key)

    def add(self, key: str, rows: list[Row]) -> None:
        """Keep an image's rows."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            # A line that a crash left without its end must not swallow this one.
            file.write(("" if file.tell() == 0 else "\n") + json.dumps({"key": key, "rows": rows}))
        self._done[key] = rows

    def discard(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self._path.parent, ignore_errors=True)


def _read(path: Path) -> dict[str, list[Row]]:
    if not path.is_file():
        return {}
    done: dict[str, list[Row]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
            done[entry["key"]] = entry["rows"]
        except (ValueError, KeyError, TypeError):
            continue
    return done
