"""Scored rows to a table on the disk, of which few columns and rows are read at a time.

A row for each case, prompt and model is more than the memory holds where images are many: the rows go to a Parquet file
as they come, and whoever summarises them asks for the columns of one dataset, prompt and model. The file has no name
(components/unnamed.py) and goes with the process, unless it is saved. Tables that are in memory anyway are read in the
same way. Leaves out: how rows are scored (cases.py), and what is made of them (components/evaluation/comparing).
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from components.evaluation.scoring.cases import Row
from components.tables import READ_BYTES, ROWS_AT_ONCE, give_back
from components.unnamed import UnnamedFile

TABLES_A_GROUP = 10
"""So many tables of ROWS_AT_ONCE rows make a row group: each has a description that is in memory while it is read."""

CASE_COLUMNS = {
    "case_id": "str",
    "dataset": "str",
    "image_id": "str",
    "group": "str",
    "object_index": "int64",
    "label": "str",
    "subject_class": "str",
    "scanner": "str",
    "site": "str",
    "prompt": "str",
    "prompt_json": "str",
    "model": "str",
    "model_digest": "str",
    "dice": "float64",
    "iou": "float64",
    "nsd_px": "float64",
    "nsd_mm": "float64",
    "hd95_px": "float64",
    "hd_px": "float64",
    "hd95_mm": "float64",
    "hd_mm": "float64",
    "area_error_share": "float64",
    "miss": "float64",
    "false_region": "float64",
    "fallback": "float64",
    "quality": "float64",
    "confidence": "float64",
    "guard_score": "float64",
    "abstain": "float64",
    "contrast": "float64",
    "calipers": "float64",
    "area_px": "int64",
    "predicted_area_px": "int64",
    "height_px": "int64",
    "width_px": "int64",
    "spacing_row_mm": "float64",
    "spacing_column_mm": "float64",
    "phantom": "bool",
    "flags": "str",
    "mask_counts": "str",
}
"""Columns of cases.parquet and their types; `mask_counts` are COCO run lengths of the predicted mask."""


def to_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Rows to a table with the columns of CASE_COLUMNS in their types, also where there is no row."""
    frame = pd.DataFrame(list(rows), columns=list(CASE_COLUMNS))
    return frame.astype(CASE_COLUMNS)


class Source(Protocol):
    """A table that is read in parts."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of its columns."""
        ...

    def parts(self, columns: Sequence[str], datasets: Collection[str] | None, /) -> Iterator[pd.DataFrame]:
        """Some columns of consecutive rows, part by part, at least one; parts without a row of `datasets` (None: of
        any) may be left out."""
        ...


class Cases:
    """Scored cases: a table of which nothing is held but what `read` gives."""

    def __init__(self, source: Source, values: Mapping[str, Collection[str]] | None = None) -> None:
        self._source = source
        self._values = dict(values or {})

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns."""
        return self._source.columns

    def where(self, **values: str | Collection[str]) -> Cases:
        """The rows with one of these values in each of these columns; reading them looks at no more."""
        asked = {name: {value} if isinstance(value, str) else set(value) for name, value in values.items()}
        both = {name: found & set(self._values.get(name, found)) for name, found in asked.items()}
        return Cases(self._source, self._values | both)

    def read(self, columns: Sequence[str], *, once: Sequence[str] = ()) -> pd.DataFrame:
        """Some columns, rows in their order; with `once` (among the columns) the first row alone of those that are
        equal there."""
        wanted, found = list(columns), []
        for part in self._source.parts(list(dict.fromkeys([*wanted, *self._values])), self._values.get("dataset")):
            chosen = part
            for name, allowed in self._values.items():
                among = chosen[name].isin(allowed)
                chosen = chosen if among.all() else chosen[among]
            found.append(chosen[wanted].drop_duplicates(list(once)) if once else chosen[wanted])
        whole = found[0] if len(found) == 1 else pd.concat(found)
        return (whole.drop_duplicates(list(once)) if once else whole).reset_index(drop=True)

    def different(self, column: str) -> list[str]:
        """The different values of a column, in the order in which they come."""
        return [str(value) for value in self.read([column], once=[column])[column]]


def as_cases(cases: Cases | pd.DataFrame) -> Cases:
    """A table in memory, read as one on the disk is; what is one already stays."""
    return cases if isinstance(cases, Cases) else Cases(_Held(cases))


class StoredCases(Cases):
    """Rows that come one by one, in a Parquet file of `cases.parquet`'s columns; some thousands are held meanwhile."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._stored = _Stored(rows)
        super().__init__(self._stored)

    def save(self, path: Path) -> None:
        """Write the file to a path; its bytes follow from the rows alone."""
        with path.open("wb") as file:
            self._stored.file.seek(0)
            shutil.copyfileobj(self._stored.file, file)


class _Held:
    """A table in memory."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self.columns: Sequence[str] = [str(name) for name in frame.columns]

    def parts(self, columns: Sequence[str], _: Collection[str] | None, /) -> Iterator[pd.DataFrame]:
        yield self._frame[list(columns)]


class _Stored:
    """A table in a file without a name; one thread at a time reads it."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.columns: Sequence[str] = list(CASE_COLUMNS)
        self.file = UnnamedFile()
        self._datasets: list[frozenset[str]] = []
        schema = pa.Schema.from_pandas(to_frame([]), preserve_index=False)
        with pq.ParquetWriter(self.file, schema) as writer:
            for group in _row_groups(rows, schema):
                writer.write_table(group)
                self._datasets.append(frozenset(group["dataset"].unique().to_pylist()))

    def parts(self, columns: Sequence[str], datasets: Collection[str] | None, /) -> Iterator[pd.DataFrame]:
        with pq.ParquetFile(self.file, buffer_size=READ_BYTES) as file:
            yield file.schema_arrow.empty_table().select(list(columns)).to_pandas()
            for group, present in enumerate(self._datasets):
                if datasets is None or not present.isdisjoint(datasets):
                    yield file.read_row_group(group, columns=list(columns), use_threads=False).to_pandas()
        give_back()


def _row_groups(rows: Iterable[Row], schema: pa.Schema) -> Iterator[pa.Table]:
    """Rows as tables of as many as make a row group; few are held as dictionaries, which take ten times the memory."""
    tables = _tables(rows, schema)
    while some := list(islice(tables, TABLES_A_GROUP)):
        yield pa.concat_tables(some)


def _tables(rows: Iterable[Row], schema: pa.Schema) -> Iterator[pa.Table]:
    coming = iter(rows)
    while some := list(islice(coming, ROWS_AT_ONCE)):
        yield pa.Table.from_pandas(to_frame(some), schema=schema, preserve_index=False)
