"""A folder of signals to units, by window: of all rows of one kind and one step of time, one.

Frames of one examination resemble each other, and corrections of one outline do; taken for independent they would make
nothing look like a change. So of the rows of one step (components/params/monitoring.py: `bucket_minutes`) one counts,
drawn by a hash of the row and the seed: the same whatever order the files are read in. On the validation side one row
of a group counts, in the same way.

Windows of `window_days` days follow each other without a gap from Monday, 5 January 1970, on, whatever is in the
folder. Leaves out: comparing (drift.py).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from components.monitoring.watched import Stratum
from components.monitoring.writer import signal_files
from components.promptable.reference import Reference, Table
from components.promptable.signals import Row

FIRST_MONDAY = date(1970, 1, 5)
TIME = "%Y-%m-%dT%H:%MZ"
Units = Mapping[Stratum, Sequence[Row]]
KINDS = ("image", "outline", "feedback")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A span of whole days, by its place on the grid: from `start` to before `end`, in UTC."""

    place: int
    days: int

    @property
    def start(self) -> date:
        """The first day."""
        return FIRST_MONDAY + timedelta(days=self.place * self.days)

    @property
    def end(self) -> date:
        """The day after the last one."""
        return self.start + timedelta(days=self.days)

    @property
    def told(self) -> str:
        """First and last day."""
        return f"{self.start.isoformat()} to {(self.end - timedelta(days=1)).isoformat()}"


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a folder holds of one model: units by window and stratum, and how many rows of each kind were behind them.

    `rows_of_others` counts rows by the digests of other models, `skipped` lines that are no rows: torn ones, mostly.
    """

    window_days: int
    units: Mapping[Window, Mapping[Stratum, Sequence[Row]]]
    rows: Mapping[Window, Mapping[str, int]]
    rows_of_others: Mapping[str, int]
    skipped: int


def window_of(day: date, days: int) -> Window:
    """The window in which a day lies."""
    return Window((day - FIRST_MONDAY).days // days, days)


def read_traffic(folder: Path, *, model_digest: str, window_days: int, seed: int) -> Traffic:
    """Read all files of signals in a folder; one that the service removes meanwhile is passed over."""
    chosen: dict[tuple[Window, Stratum, str], tuple[bytes, Row]] = {}
    rows: dict[Window, Counter[str]] = {}
    others: Counter[str] = Counter()
    skipped = 0
    for line in _lines(folder):
        row = _parsed(line)
        if row is None:
            skipped += 1
        elif row["model"] != model_digest:
            others[str(row["model"])] += 1
        else:
            window = window_of(datetime.strptime(row["at"], TIME).replace(tzinfo=UTC).date(), window_days)
            rows.setdefault(window, Counter())[row["kind"]] += 1
            drawn = _draw(line, seed)
            for stratum in _strata(row):
                key = (window, stratum, row["at"])
                if key not in chosen or drawn < chosen[key][0]:
                    chosen[key] = (drawn, row)
    units: dict[Window, dict[Stratum, list[Row]]] = {window: {} for window in rows}
    for (window, stratum, _), (_, drawn_row) in sorted(chosen.items(), key=lambda item: item[0]):
        units[window].setdefault(stratum, []).append(drawn_row)
    return Traffic(window_days, units, rows, others, skipped)


def validation_units(reference: Reference, *, seed: int) -> Units:
    """The validation side's units: one row of each group and stratum.

    What a perfect corrector would change of first outlines there stands for `feedback`.
    """
    chosen: dict[tuple[Stratum, int], tuple[bytes, Row]] = {}
    for kind, table in (("image", reference.images), ("outline", reference.outlines)):
        for group, described in _rows(table):
            strata = _strata({**described, "kind": kind})
            drawn = _draw(json.dumps(described).encode(), seed)
            for stratum in (*strata, "feedback") if kind == "outline" else strata:
                place = (stratum, group)
                if place not in chosen or drawn < chosen[place][0]:
                    chosen[place] = (drawn, described)
    units: dict[Stratum, list[Row]] = {}
    for (stratum, _), (_, row) in sorted(chosen.items(), key=lambda item: item[0]):
        units.setdefault(stratum, []).append(row)
    return units


def _lines(folder: Path) -> Iterator[bytes]:
    for path in signal_files(folder):
        try:
            with path.open("rb") as file:
                yield from file
        except FileNotFoundError:
            continue


def _parsed(line: bytes) -> dict[str, Any] | None:
    """A line's row; None where it is torn, or no row of ours."""
    try:
        row = json.loads(line)
        datetime.strptime(row["at"], TIME)
    except (ValueError, TypeError, KeyError):
        return None
    return row if row.get("kind") in KINDS and isinstance(row.get("model"), str) else None


def _strata(row: Mapping[str, Any]) -> tuple[Stratum, ...]:
    if row["kind"] != "outline":
        return (row["kind"],)
    return ("outline", row["first"]) if row.get("first") in ("box", "click") else ("outline",)


def _draw(content: bytes, seed: int) -> bytes:
    return hashlib.blake2b(content, digest_size=8, key=str(seed).encode()).digest()


def _rows(table: Table) -> Iterator[tuple[int, Row]]:
    for place, group in enumerate(table.group):
        yield group, {name: column[place] for name, column in table.columns.items()}
