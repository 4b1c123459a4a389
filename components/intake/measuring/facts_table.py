"""The facts of many images as one table that stands on the disk, so that memory hardly grows with their number.

The rows come one by one and go into a Parquet file without a name (components/unnamed.py). Whoever judges names the
columns that it looks at, and reads their rows some at a time; a row takes some kilobytes as a dict, one in a table of
all columns. Leaves out: what the facts are (facts.py), and what follows from them (judging).
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from components.tables import READ_BYTES, ROWS_AT_ONCE, give_back, read_batches
from components.texts import Equals
from components.unnamed import UnnamedFile

# Pandas' nullable types: a fact of an image that couldn't be decoded is missing, neither 0 nor false.
COLUMNS: dict[str, str] = {
    "image_id": "string",
    "image_file": "string",
    "mask_files": "string",
    "group": "string",
    "subject_class": "string",
    "official_split": "string",
    "scanner": "string",
    "site": "string",
    "image_problem": "string",
    "mask_problem": "string",
    "mask_size_problem": "string",
    "mask_turned_problem": "string",
    "accepted": "string",
    "identity_names": "string",
    "date_names": "string",
    "identity_tags": "string",
    "orientation_problem": "string",
    "format_problem": "string",
    "frames_problem": "string",
    "depth_problem": "string",
    "image_mode": "string",
    "mask_modes": "string",
    "height_px": "Int64",
    "width_px": "Int64",
    "short_side_px": "Int64",
    "long_side_px": "Int64",
    "unknown_codes": "string",
    "mask_file": "string",
    "stray_share": "Float64",
    "stray_file": "string",
    "foreground_share": "Float64",
    "rim_share": "Float64",
    "objects": "Int64",
    "specks": "Int64",
    "covered": "Int64",
    "speck_file": "string",
    "empty_where_required": "boolean",
    "lesion_where_none": "boolean",
    "declared_conflict": "string",
    "pixels_md5": "string",
    "perceptual_hash": "string",
    "picture_share": "Float64",
    "neighbour_correlation": "Float64",
    "text_glyphs": "Int64",
    "caliper_crosses": "Int64",
    "doppler_share": "Float64",
    "black_share": "Float64",
    "near_copy_of": "string",
    "conflicting_copies": "string",
}


class Facts:
    """A row for each image, with the columns of `COLUMNS`; it doesn't change, and is read in one thread at a time.

    Parameters
    ----------
    rows
        Values by column, taken one by one; a column that a row lacks is missing there.
    without
        Columns that it will do without.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]] = (), *, without: Collection[str] = ()) -> None:
        self._types = {name: kind for name, kind in COLUMNS.items() if name not in without}
        self._told: dict[str, Mapping[int, str]] = {}
        self._table = _stored(rows, self._types)

    def __len__(self) -> int:
        return int(self._table.metadata.num_rows)

    def with_texts(self, texts: Mapping[str, Mapping[int, str]]) -> Facts:
        """The same table with other columns of text: what is said of a row by its number, "" for all others.

        The texts are held in memory.
        """
        other = copy.copy(self)
        other._told = {**self._told, **texts}
        return other

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """The rows, `ROWS_AT_ONCE` at a time, with these columns; a frame's index are the numbers of its rows.

        A table without rows gives one frame without rows.
        """
        asked = list(self._types if columns is None else columns)
        if len(self) == 0:
            yield _frame([], {name: self._types[name] for name in asked})
        stored = [name for name in asked if name not in self._told]
        first = 0
        for batch in read_batches(self._table, columns=stored):
            rows = range(first, first + batch.num_rows)
            frame = batch.to_pandas().set_axis(pd.RangeIndex(rows.start, rows.stop), axis="index")
            for name in asked:
                if name in self._told:
                    texts = [self._told[name].get(row, "") for row in rows]
                    frame[name] = pd.Series(texts, index=frame.index, dtype=self._types[name])
            yield frame[asked]
            first += batch.num_rows

    def frame(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """All rows in memory, with these columns."""
        return pd.concat(self.batches(columns), ignore_index=True)

    def texts(self, column: str) -> Iterator[str | None]:
        """A column's texts row by row, None where there is none."""
        for frame in self.batches([column]):
            yield from (None if text is pd.NA else str(text) for text in frame[column])

    def equals(self, *columns: str) -> Equals:
        """Which rows are equal in these columns of text; missing ones are like empty ones."""
        found = Equals()
        for frame in self.batches(columns):
            for row in zip(*(frame[name].fillna("") for name in columns), strict=True):
                found.add("\0".join(row))
        return found

    def write(self, path: Path) -> None:
        """Write it as a Parquet file, which pandas reads as `frame` gives it."""
        with _writer(path, self._types) as writer:
            for frame in self.batches():
                writer.write_table(_arrow(frame))
        give_back()


def _stored(rows: Iterable[Mapping[str, Any]], types: Mapping[str, str]) -> pq.ParquetFile:
    file = UnnamedFile()
    coming = iter(rows)
    with _writer(file, types) as writer:
        while some := list(islice(coming, ROWS_AT_ONCE)):
            writer.write_table(_arrow(_frame(some, types)))
    table = pq.ParquetFile(file, buffer_size=READ_BYTES)
    give_back()
    return table


def _writer(where: Path | IO[bytes], types: Mapping[str, str]) -> pq.ParquetWriter:
    # Nobody asks for statistics, of which the writer holds those of all row groups.
    return pq.ParquetWriter(where, _arrow(_frame([], types)).schema, write_statistics=False)


def _frame(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(types)).astype(types)


def _arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)
