"""A small table beside the images (CSV or XLSX), to key and value: classes, frame labels.

Every cell is text. Leaves out: what the values mean.
"""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from components.intake.layouts.reading import Reader

MAX_ROWS = 1_000_000


class LabelTable(BaseModel):
    """A table that gives each image its class.

    `file` is relative to the dataset's root, `key` the column with the image, `value` the column with the class,
    `names` what a value is called (a value that isn't listed is kept as it is), `strip` an ending that keys carry
    and stems don't. `required` false: the table may be missing. `without_header` names the columns of a file whose
    first row isn't a header.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    key: str
    value: str
    names: dict[str, str] = Field(default_factory=dict)
    sheet: str | None = None
    strip: str = ""
    required: bool = True
    without_header: tuple[str, ...] = ()


def read_labels(reader: Reader, table: LabelTable, path: Path) -> dict[str, str]:
    """Read a label table into {key: class name}; faults go to the reader, and then the result is empty."""
    if not path.is_file():
        if table.required:
            reader.fault("missing_file", reader.root, f"no {path.relative_to(reader.root).as_posix()}")
        return {}
    reader.used.add(path)
    try:
        rows = _xlsx_rows(path, table.sheet) if path.suffix == ".xlsx" else _csv_rows(path)
    except (OSError, ValueError, KeyError, csv.Error, zipfile.BadZipFile) as error:
        reader.fault("bad_table", path, f"can't be read: {error}")
        return {}
    if table.without_header and not (rows and table.key in rows[0]):
        rows.insert(0, list(table.without_header))
    header = rows[0] if rows else []
    if table.key not in header or table.value not in header:
        reader.fault("bad_table", path, f"columns {', '.join(header)}", expected=f"columns {table.key}, {table.value}")
        return {}
    key, value = header.index(table.key), header.index(table.value)
    long_enough = (row for row in rows[1:] if len(row) > max(key, value) and row[key])
    return {row[key].removesuffix(table.strip): table.names.get(row[value], row[value]) for row in long_enough}


def _csv_rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = []
        for row in csv.reader(file):
            rows.append([cell.strip() for cell in row])
            if len(rows) > MAX_ROWS:
                raise ValueError(f"more than {MAX_ROWS:,} rows")
        return rows


def _xlsx_rows(path: Path, sheet: str | None) -> list[list[str]]:
    import openpyxl  # only UDIAT has a spreadsheet, and the import takes a quarter of a second

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        page = book[sheet] if sheet else book.worksheets[0]
        return [["" if cell is None else str(cell).strip() for cell in row] for row in page.iter_rows(values_only=True)]
    finally:
        book.close()
