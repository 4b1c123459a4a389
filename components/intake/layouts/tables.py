"""A table beside the images (CSV or XLSX), to key and value: classes, frame labels.

Every cell is text. Rows wait on the disk; memory holds the keys' letters and some 40 bytes a row. Leaves out: what the
values mean.
"""

from __future__ import annotations

import csv
import zipfile
import zlib
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from xml.etree.ElementTree import ParseError

from pydantic import BaseModel, ConfigDict, Field

from components.intake.layouts.pattern import blanks, fill
from components.intake.layouts.reading import Reader, some_of
from components.stored_list import StoredList
from components.texts import Numbers, Texts

MAX_ROWS = 1_000_000
MAX_XLSX_BYTES = 100_000_000  # unpacked; a spreadsheet of 100,000 rows takes a fifth
MAX_CSV_BYTES = 64_000_000
# One cell in a spreadsheet's last column makes a row of 16,384, and one letter a cell of a CSV.
MAX_CELLS = 10_000_000
# Above the header may stand a title and empty rows.
HEADER_ROWS = 10
# What csv, zipfile, zlib, openpyxl and the XML parser below it raise on files that aren't what they seem.
DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    csv.Error,
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
)


class LabelTable(BaseModel):
    """A table that gives each image its class.

    `file` is relative to the dataset's root, `key` the column with the image, `value` the column with the class,
    `names` what a value is called (a value that isn't listed is kept as it is), `strip` an ending that keys carry
    and stems don't, `digits` to how many digits a key that is a number is filled with zeros, which spreadsheets drop.
    `required` false: the table may be missing. `without_header` names the columns of a file that has no header.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    key: str
    value: str
    names: dict[str, str] = Field(default_factory=dict)
    sheet: str | None = None
    strip: str = ""
    digits: int = Field(default=0, ge=0)
    required: bool = True
    without_header: tuple[str, ...] = ()


class Labels(Mapping[str, str]):
    """Class names by key, in the order of the keys; a class has many keys."""

    def __init__(self) -> None:
        self._keys, self._places = Texts(), Numbers()
        self._classes: list[str] = []
        self._class_numbers: dict[str, int] = {}
        self._class_of = array("q")

    def setdefault(self, key: str, name: str) -> str:
        """The class of a key; this one, which is kept, where there was none."""
        place = self._places.setdefault(key, len(self._keys))
        if place == len(self._keys):
            self._keys.append(key)
            number = self._class_numbers.setdefault(name, len(self._classes))
            if number == len(self._classes):
                self._classes.append(name)
            self._class_of.append(number)
        return self._classes[self._class_of[place]]

    def __getitem__(self, key: str) -> str:
        place = self._places.get(key)
        if place is None:
            raise KeyError(key)
        return self._classes[self._class_of[place]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def classes(self) -> Collection[str]:
        """The classes, each once."""
        return self._classes


def read_labels(reader: Reader, table: LabelTable, path: Path) -> Labels:
    """Read a label table into {key: class name}; faults go to the reader, and a table that can't be read is empty.

    A key may stand in several rows if they say the same.
    """
    path = reader.tree.find(path.parent, path.name) or path
    if not reader.tree.is_file(path):
        if table.required:
            reader.fault("missing_file", reader.root, f"no {path.relative_to(reader.root).as_posix()}")
        return Labels()
    source = reader.table(path)
    try:
        rows = _xlsx_rows(source, table.sheet) if source.suffix.lower() == ".xlsx" else _csv_rows(source)
    except DAMAGED as error:
        reader.fault("bad_table", path, f"can't be read: {error}")
        return Labels()
    starts = [number for number, row in enumerate(rows[:HEADER_ROWS]) if table.key in row and table.value in row]
    if not starts and table.without_header:
        header, body = list(table.without_header), rows
    elif not starts:
        found = ", ".join(rows[0]) if rows else ""
        reader.fault("bad_table", path, f"columns {found}", expected=f"columns {table.key}, {table.value}")
        return Labels()
    else:
        header, body = rows[starts[0]], rows[starts[0] + 1 :]
    if double := [name for name in (table.key, table.value) if header.count(name) > 1]:
        reader.fault("bad_table", path, f"the column {double[0]} more than once", expected="columns that differ")
        return Labels()
    key, value = header.index(table.key), header.index(table.value)
    labels = Labels()
    differing: dict[str, str] = {}
    for row in body:
        if len(row) > max(key, value) and row[key]:
            name, label = _key(row[key], table), table.names.get(row[value], row[value])
            if labels.setdefault(name, label) != label:
                differing.setdefault(name, f"{name} is {labels[name]!r} and {label!r}")
    if differing:
        found = f"{len(differing)} keys with several values: {some_of(list(differing.values()))}"
        reader.fault("bad_table", path, found, expected="one value for each key")
    return labels


def read_names(reader: Reader, path: Path, *, pattern: str, delimiter: str) -> Texts:
    """The names that a list gives, `pattern` filled from its columns; none, and a fault, where it can't be read."""
    if not reader.tree.is_file(path):
        reader.fault("missing_file", reader.root, f"no {path.name}")
        return Texts()
    try:
        rows = _csv_rows(reader.table(path), delimiter)
    except DAMAGED as error:
        reader.fault("bad_table", path, f"can't be read: {error}")
        return Texts()
    header, wanted = rows[0] if rows else [], blanks(pattern)
    if missing := [name for name in wanted if name not in header]:
        reader.fault("bad_table", path, f"no column {', '.join(missing)}", expected=f"columns {', '.join(wanted)}")
        return Texts()
    if double := [name for name in wanted if header.count(name) > 1]:
        reader.fault("bad_table", path, f"the column {double[0]} more than once", expected="columns that differ")
        return Texts()
    return Texts(fill(pattern, dict(zip(header, row, strict=True))) for row in rows[1:] if len(row) == len(header))


def _key(cell: str, table: LabelTable) -> str:
    stem = cell.removesuffix(table.strip)
    return stem.zfill(table.digits) if stem.isdigit() else stem


def _csv_rows(path: Path, delimiter: str = ",") -> StoredList[list[str]]:
    if (size_bytes := path.stat().st_size) > MAX_CSV_BYTES:
        raise ValueError(f"{size_bytes:,} bytes, more than {MAX_CSV_BYTES:,}")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return _bounded([cell.strip() for cell in row] for row in csv.reader(file, delimiter=delimiter))


def _bounded(found: Iterable[list[str]]) -> StoredList[list[str]]:
    """The rows of a table, of which and of whose cells there may be so many."""
    rows, cells = StoredList[list[str]](), 0
    for row in found:
        rows.append(row)
        cells += len(row)
        if len(rows) > MAX_ROWS:
            raise ValueError(f"more than {MAX_ROWS:,} rows")
        if cells > MAX_CELLS:
            raise ValueError(f"more than {MAX_CELLS:,} cells")
    return rows


def _xlsx_rows(path: Path, sheet: str | None) -> StoredList[list[str]]:
    import openpyxl  # only UDIAT has a spreadsheet, and the import takes a quarter of a second

    with zipfile.ZipFile(path) as zipped:
        unpacked = sum(member.file_size for member in zipped.infolist())
    if unpacked > MAX_XLSX_BYTES:
        raise ValueError(f"unpacks to {unpacked:,} bytes, more than {MAX_XLSX_BYTES:,}")
    # The open file is ours: openpyxl leaves its own open where it fails.
    with path.open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        # A copy that was saved again may have another name for its one sheet.
        named = sheet is not None and (sheet in book.sheetnames or len(book.sheetnames) > 1)
        page = book[sheet] if sheet is not None and named else book.worksheets[0]
        cells = page.iter_rows(values_only=True)
        return _bounded(["" if cell is None else str(cell).strip() for cell in row] for row in cells)
