"""What a model saw on the validation side, as rows of signals: what served traffic is held against.

`reference.json` belongs to one model, by the digest of its weights, and stands beside `calibration.json`: both say what
the model knows. It holds the rows of components/promptable/signals.py, no pixels. Images of one group (patient, video)
share a number in place of the group's name. Leaves out: how it is made (components/evaluation/calibrating), and
comparing (components/monitoring).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from components.artefacts import write_text
from components.errors import ArtefactError, first_fault
from components.promptable.calibration import CALIBRATION_FOLDER
from components.promptable.signals import Row

REFERENCE = "reference.json"
Column = tuple[float | str | None, ...]


class Table(BaseModel):
    """Rows as columns of equal length, with the number of the group that each row is of."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    group: tuple[Annotated[int, Field(ge=0)], ...]
    columns: dict[str, Column]

    @model_validator(mode="after")
    def _even(self) -> Self:
        if any(len(column) != len(self.group) for column in self.columns.values()):
            raise ValueError("the columns differ in length")
        return self


class Reference(BaseModel):
    """The content of `reference.json`.

    `images` has a row for each validation image, `outlines` one for each outline that the model drew there on a first
    prompt (of the kinds `kinds`), with `edit`: 1 - Dice to the truth, which is what somebody who corrects to the truth
    would have to change.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    model_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    phantom: bool
    kinds: tuple[str, ...]
    images: Table
    outlines: Table


def to_table(rows: Sequence[Row], groups: Sequence[int]) -> Table:
    """Rows, which all name the same signals, and their groups (as many) to a table."""
    names = list(rows[0]) if rows else []
    return Table(group=tuple(groups), columns={name: tuple(row[name] for row in rows) for name in names})


def write_reference(folder: Path, reference: Reference) -> Path:
    """Write `reference.json` into a folder, in one piece; returns its path."""
    path = folder / REFERENCE
    write_text(path, reference.model_dump_json(by_alias=True) + "\n")
    return path


def find_reference(model: Path, *, model_digest: str) -> Reference | None:
    """The reference that a model folder carries, else the one that the graph keeps beside it for these very weights.

    None where there is neither: models of earlier versions have none.

    Raises
    ------
    ArtefactError
        If the file that the folder carries is another model's, or either isn't a reference.
    """
    own, beside = model / REFERENCE, model.parent / CALIBRATION_FOLDER / REFERENCE
    if own.exists() or own.is_symlink():
        reference = read_reference(own)
        if reference.model_digest != model_digest:
            raise ArtefactError(
                f"{own} is of the weights {reference.model_digest[:12]}",
                expected=f"that of {model_digest[:12]}, beside which it stands",
                remedy="make it again (`dvc repro calibrate`), or take the file away",
            )
        return reference
    if not beside.is_file():
        return None
    reference = read_reference(beside)
    return reference if reference.model_digest == model_digest else None


def read_reference(path: Path) -> Reference:
    """Read a `reference.json`.

    Raises
    ------
    ArtefactError
        If it can't be read, or isn't a reference of this schema.
    """
    remedy = "make it again (`dvc repro calibrate`), or restore the file"
    try:
        return Reference.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ArtefactError(
            f"{path} can't be read: {error.strerror}", expected="a reference of schema 1", remedy=remedy
        ) from None
    except ValidationError as error:
        raise ArtefactError(
            f"{path}: {first_fault(error)}",
            expected="a reference of schema 1",
            remedy=remedy,
        ) from None
