"""An id or digest to the entries that name it, to those of the same predictions, and to the models that drew.

Leaves out: what the models were made of (components/release/trace.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from components.audit.entries import Export, Feedback, Prediction
from components.audit.lines import Line
from components.audit.reading import read

MAX_ENTRIES = 200


@dataclass(frozen=True, slots=True)
class Concerning:
    """Entries, oldest first, and how many more there are; the weights' digests of the models that they name."""

    lines: tuple[Line, ...]
    more: int
    models: tuple[str, ...]


def concerning(folder: Path, ids: Collection[str]) -> Concerning | None:
    """The entries of a log that name one of these: predictions, masks, images or exported files, by all their digits.

    What else the log says of the same predictions comes with them. None if no entry names any.

    Raises
    ------
    AuditError
        If there is no log, or a line isn't what was written there.
    """
    naming = _lines(folder, set(ids))
    predictions = _predictions(naming[0])
    if not naming[0]:
        return None
    lines, more = _lines(folder, set(ids) | predictions) if predictions - set(ids) else naming
    drawn = [line.entry.model.digest for line in lines if isinstance(line.entry, Prediction)]
    return Concerning(tuple(lines), more, tuple(dict.fromkeys(drawn)))


def _lines(folder: Path, ids: set[str]) -> tuple[list[Line], int]:
    lines: list[Line] = []
    more = 0
    for found in read(folder, containing=sorted(ids)):
        # An entry's own digest and that of the line before say nothing about what it is about.
        if ids.isdisjoint(_named(found.line)):
            continue
        if len(lines) < MAX_ENTRIES:
            lines.append(found.line)
        else:
            more += 1
    return lines, more


def _named(line: Line) -> set[str | None]:
    """What an entry is about: not the model, which is in most of them."""
    entry = line.entry
    named: set[str | None] = set()
    if isinstance(entry, Prediction):
        named |= {entry.prediction, entry.image.id, entry.image.pixels_sha256}
        named |= {outlined.mask_sha256 for outlined in entry.objects}
        named |= {outlined.prompt.mask_sha256 for outlined in entry.objects}
    elif isinstance(entry, Feedback):
        named |= {entry.prediction, *(judged.mask_sha256 for judged in entry.objects)}
    elif isinstance(entry, Export):
        named.add(entry.file_sha256)
        named |= {entry.image.id, entry.image.pixels_sha256} if entry.image is not None else set()
        named |= {value for exported in entry.objects for value in (exported.mask_sha256, exported.prediction)}
    return named - {None}


def _predictions(lines: Iterable[Line]) -> set[str]:
    """The predictions that entries are about."""
    found: set[str] = set()
    for line in lines:
        if isinstance(line.entry, Prediction | Feedback):
            found.add(line.entry.prediction)
        elif isinstance(line.entry, Export):
            found |= {each.prediction for each in line.entry.objects if each.prediction is not None}
    return found
