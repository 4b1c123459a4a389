"""What a contract states of scanner and site in a column of a table, to each case.

A table is read as those of classes are; a row is found by the image's name. A column with many values is no scanner and
no site but a serial number, a name or a free text, and is refused. Leaves out: one name for all images (reading.py);
whether a value tells of a person (components/intake/measuring/facts.py); and phantoms, which no scanner made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

from pydantic import ValidationError, model_validator

from components.contract import Contract, Stated
from components.contract_text import Text, refusal
from components.intake.layouts.pattern import blanks, fill, to_regex
from components.intake.layouts.reading import Case, Reader, some_of
from components.intake.layouts.tables import LabelTable, read_labels
from components.stored_list import StoredList

Property = Literal["scanner", "site"]
PROPERTIES: tuple[Property, ...] = ("scanner", "site")
MAX_NAMES = 50


class OriginTable(LabelTable):
    """A table that gives each image its scanner or its site, by a pattern of its file's name without the ending.

    `row` is filled from the blanks of `image`: what stands in the column `key` for it. A row for each patient is found
    by `image: "{patient}_{number}"` and `row: "{patient}"`.
    """

    image: str = "{stem}"
    row: str = "{stem}"

    @model_validator(mode="after")
    def _image_has_the_blanks_of_row(self) -> Self:
        if missing := set(blanks(self.row)) - set(blanks(self.image)):
            raise ValueError(f"{self.image!r} lacks the blanks {', '.join(sorted(missing))} of {self.row!r}")
        return self


def with_origins(reader: Reader) -> Reader:
    """Give a reader's cases the scanner and site of tables; faults of the tables go to the reader.

    Raises
    ------
    ContractError
        If a table's options are wrong.
    """
    for which in PROPERTIES:
        stated: Stated | None = getattr(reader.contract, which)
        if stated is not None and stated.table is not None:
            _from_table(reader, _table_of(reader.contract, which, stated.table), which)
    return reader


def place_of(contract: Contract, which: Property) -> str:
    """The file in which a dataset's scanner or site stands, for reports; `.` where the contract itself says it."""
    stated: Stated | None = getattr(contract, which)
    return _table_of(contract, which, stated.table).file if stated is not None and stated.table is not None else "."


def _table_of(contract: Contract, which: Property, options: dict[str, object]) -> OriginTable:
    try:
        return OriginTable.model_validate(options)
    except ValidationError as error:
        where = f"contract {contract.name}, {which}.table"
        raise refusal(Text(where, {}, {}, "these options"), error.errors(), schema=OriginTable) from None


def _with(case: Case, which: Property, name: str | None) -> Case:
    return replace(case, scanner=name) if which == "scanner" else replace(case, site=name)


def _from_table(reader: Reader, table: OriginTable, which: Property) -> None:
    """Give the cases what stands in the column; nothing, and a fault, where it can't be what it should."""
    path = reader.root / table.file
    labels = read_labels(reader, table, path)
    names = [name for name in labels.classes() if name]
    if not names:
        return
    if (count := len(names)) > MAX_NAMES:
        found = f"{count} values in the column {table.value}"
        reader.fault("bad_table", path, found, expected=f"at most {MAX_NAMES}, as a {which} has a name that many share")
        return
    pattern = to_regex(table.image)
    lacking: list[str] = []
    cases: StoredList[Case] = StoredList()
    for case in reader.cases:
        row = pattern.fullmatch(case.image.stem)
        name = (labels.get(fill(table.row, row.groupdict())) if row is not None else None) or None
        if name is None:
            lacking.append(case.image_id)
        cases.append(_with(case, which, name))
    reader.cases = cases
    if lacking:
        reader.fault("origin_missing", path, f"no {which} for {len(lacking)} images: {some_of(lacking)}")
