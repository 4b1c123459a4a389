"""`data/sides.csv` to the sides that real images have had so far, and a new split's sides into it.

A row is an image: dataset, image_id, pixels_md5, split. The pixels tell an image that comes back under another name.
It is one file for all datasets, in git: one rename makes it whole, and while a missing file for each dataset would look
like a dataset that was never divided, this one's absence is an error. Rows are sorted, one a line, and
`.gitattributes` lets git merge additions of two branches by keeping both; if they contradict each other, the image
stands there twice and reading refuses it. Phantoms are made anew from parameters and share the names of real files, so
they are never on record. Leaves out: what the record means for a split (keeping.py).
"""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import pandas as pd

from components.artefacts import replacing
from components.errors import LayoutError, LeakError, SonoForgeError
from components.intake.form.records import SPLITS
from components.intake.sides.images import Key
from components.texts import Numbers, Texts
from components.types import Record

SIDES = Path("data/sides.csv")
COLUMNS = ("dataset", "image_id", "pixels_md5", "split")
_MD5 = re.compile(r"[0-9a-f]{32}")
# What an editor put before or behind a name would make it that of no image, without a word.
_DATASET = re.compile(r"[a-z][a-z0-9_]*")
_RESTORE = f"restore {SIDES.as_posix()} from git; where a merge left it like this, keep one whole row for each image"


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """The side of one image, by its name and by the digest of its pixels."""

    dataset: str
    image_id: str
    pixels_md5: str
    split: str

    @property
    def key(self) -> Key:
        """The image's name."""
        return self.dataset, self.image_id


class SidesRecord:
    """All rows, and the ways to find them, in some hundred bytes a row; it grows only while it is made."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        # Of few values each, and the places of the rows' own among them.
        self._datasets: dict[str, int] = {}
        self._dataset, self._side = array("i"), array("b")
        self._ids, self._pixels = Texts(), Texts()
        self._by_name, self._last_with = Numbers(), Numbers()
        self._before_with = array("q")  # the row before that has the same pixels, -1 for none
        for row in rows:
            self._append(row)

    @classmethod
    def refusing(cls, rows: Iterable[Row], twice: Callable[[Row, Row], SonoForgeError]) -> SidesRecord:
        """All rows, of which each names an image of its own; else the error for the first two that don't."""
        record = cls()
        for row in rows:
            if (other := record.named(row.key)) is not None:
                raise twice(other, row)
            record._append(row)
        return record

    def _append(self, row: Row) -> None:
        at = len(self)
        self._dataset.append(self._datasets.setdefault(row.dataset, len(self._datasets)))
        self._side.append(SPLITS.index(row.split))
        self._ids.append(row.image_id)
        self._pixels.append(row.pixels_md5)
        self._by_name["/".join(row.key)] = at
        before = self._last_with.get(row.pixels_md5)
        self._before_with.append(-1 if before is None else before)
        self._last_with[row.pixels_md5] = at

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[Row]:
        return map(self._row, range(len(self)))

    def _row(self, at: int) -> Row:
        # Names of datasets stand in the order of their places.
        dataset = next(islice(self._datasets, self._dataset[at], None))
        return Row(dataset, self._ids[at], self._pixels[at], SPLITS[self._side[at]])

    def named(self, key: Key) -> Row | None:
        """An image's row."""
        at = self._by_name.get("/".join(key))
        return None if at is None else self._row(at)

    def with_pixels(self, digest: str) -> list[Row]:
        """The rows of images with these pixels, as they stand."""
        at = self._last_with.get(digest)
        found = []
        while at is not None and at >= 0:
            found.append(self._row(at))
            at = self._before_with[at]
        return found[::-1]


NOTHING_ON_RECORD = SidesRecord()


@dataclass(frozen=True, slots=True)
class Kept:
    """What `keep_sides` did: the rows that it added, how many it found there already, how many phantoms it passed."""

    added: tuple[Row, ...]
    known: int
    phantoms: int


def read_sides(path: Path) -> SidesRecord:
    """Read the record.

    Raises
    ------
    LayoutError
        If the file is missing or damaged, names an unknown side or an image twice; the message names the line.
    """
    if not path.is_file():
        raise LayoutError(
            f"{path} is missing",
            expected=f"the record of sides, at least its header: {','.join(COLUMNS)}",
            remedy="restore it from git (`git restore data/sides.csv`); without it images may change sides",
        )
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file, strict=True)
            header = next(lines, [])
            if tuple(header) != COLUMNS:
                raise _damaged(path, 1, ",".join(header) or "nothing", f"the header {','.join(COLUMNS)}")
            rows = (_row(path, lines.line_num, cells) for cells in lines)
            return SidesRecord.refusing(rows, partial(_twice, path))
    except (UnicodeDecodeError, csv.Error) as error:
        raise LayoutError(f"{path} can't be read: {error}", expected="a CSV file in UTF-8", remedy=_RESTORE) from None


def _twice(path: Path, one: Row, other: Row) -> LayoutError:
    sides = f"as {one.split} and as {other.split}" if one.split != other.split else f"both times as {one.split}"
    return LayoutError(
        f"{path} names {one.dataset}/{one.image_id} twice, {sides}",
        expected="one row for each image",
        remedy="keep the row by which models were trained (git log), remove the other",
    )


def _row(path: Path, line: int, cells: Sequence[str]) -> Row:
    if len(cells) != len(COLUMNS) or not _names_an_image(*cells[:3]):
        found = repr(",".join(cells)[:100]) if cells else "nothing"
        raise _damaged(path, line, found, "dataset, image id, md5 of the pixels, side")
    if cells[3] not in SPLITS:
        raise _damaged(path, line, f"the side {cells[3][:100]!r}", f"one of {', '.join(SPLITS)}")
    return Row(*cells)


def _names_an_image(dataset: str, image_id: str, pixels_md5: str) -> bool:
    printed = image_id.isprintable() and image_id.strip() == image_id != ""
    return printed and _DATASET.fullmatch(dataset) is not None and _MD5.fullmatch(pixels_md5) is not None


def _damaged(path: Path, line: int, found: str, expected: str) -> LayoutError:
    return LayoutError(f"{path}, line {line}: {found}", expected=expected, remedy=_RESTORE)


def write_sides(path: Path, rows: Iterable[Row]) -> None:
    """Write the record in one piece, sorted."""
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((row.dataset, row.image_id, row.pixels_md5, row.split) for row in sorted(rows))


def sides_by_key(frame: pd.DataFrame) -> dict[Key, str]:
    """The side of each image of a split."""
    columns = frame[["dataset", "image_id", "split"]].itertuples(index=False)
    return {(dataset, image_id): side for dataset, image_id, side in columns}


def keep_sides(path: Path, sides: Mapping[Key, str], records: Iterable[Record]) -> Kept:
    """Add the sides of real images to the record at `path`; no row is ever changed or removed.

    Raises
    ------
    LayoutError
        If the record can't be read.
    LeakError
        If the record has another side for one of the images, by its name or by its pixels; nothing is written then.
    """
    record = read_sides(path)
    real, phantoms = [], 0
    for one in records:
        if one.phantom:
            phantoms += 1
        else:
            real.append(Row(one.dataset, one.image_id, one.pixels_md5, sides[one.dataset, one.image_id]))
    real.sort()
    for row in real:
        known = [*filter(None, [record.named(row.key)]), *record.with_pixels(row.pixels_md5)]
        if other := next((old for old in known if old.split != row.split), None):
            how = "" if other.key == row.key else f" (by its pixels, as {other.dataset}/{other.image_id})"
            raise LeakError(
                f"{row.dataset}/{row.image_id} is {row.split} in the split and {other.split} on record{how}",
                expected="the sides on record",
                remedy="run the stage `split` again (`dvc repro split`): it keeps what is on record",
            )
    added = tuple(row for row in real if record.named(row.key) is None)
    if added:
        write_sides(path, (*record, *added))
    return Kept(added, known=len(real) - len(added), phantoms=phantoms)


def not_on_record(sides: Mapping[Key, str], records: Iterable[Record], record: SidesRecord) -> tuple[Key, ...]:
    """The real images whose side in a split isn't the one on record under their name, sorted."""
    return tuple(
        sorted(
            key
            for one in records
            for key in [(one.dataset, one.image_id)]
            if not one.phantom and ((own := record.named(key)) is None or own.split != sides.get(key))
        )
    )
