"""Tables of many rows to Parquet files and back, some rows at a time, so that memory doesn't grow with their number.

Every row group of a file has `ROWS_AT_ONCE` rows but for the last: what a reader holds at once follows from that, and
a file's bytes follow from its rows, however they came. Leaves out: what the columns mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from components.errors import LayoutError

ROWS_AT_ONCE = 1000
READ_BYTES = 2**16


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Write rows that come one by one, with the columns of `schema`; few of them are held at once. Each page has a
    checksum, which readers verify that ask for it."""
    coming = iter(rows)
    with pq.ParquetWriter(path, schema, write_page_checksum=True) as file:
        while some := list(islice(coming, ROWS_AT_ONCE)):
            file.write_table(pa.Table.from_pylist(some, schema=schema))


def read_table(
    path: Path, *, stage: str, columns: Sequence[str] | None = None, equal: tuple[str, str] | None = None
) -> pd.DataFrame:
    """Read a table that a stage has written; with `equal` the rows alone that have this value in this column.

    Raises
    ------
    LayoutError
        If the file is missing or damaged, or lacks one of these columns.
    """
    filters = None if equal is None else [(equal[0], "==", equal[1])]
    try:
        return pd.read_parquet(path, columns=None if columns is None else list(columns), filters=filters)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise LayoutError(
            f"{path} can't be read: {' '.join(str(error).split())}",
            expected=f"a whole Parquet file, as the stage `{stage}` writes it",
            remedy=f"run that stage again (`dvc repro {stage}`), or fetch the file (`dvc pull`)",
        ) from None


def read_batches(file: pq.ParquetFile, *, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of an open file, a row group at a time; its columns are read by a buffer if it was opened with
    `buffer_size=READ_BYTES`."""
    # One group after the other: a reader of several keeps what it has read of the earlier ones.
    for group in range(file.num_row_groups):
        yield from file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=columns, use_threads=False)


def give_back() -> None:
    """Hand to the system what Arrow has freed, and keeps for itself else: a third of what a manifest's records take."""
    pa.default_memory_pool().release_unused()
