"""A dataset's contract, `data/contracts/<dataset>.yaml`, to types.

A contract states what a dataset is (source, licence, citation), how its folder is laid out, what its mask codes
mean, by which key its images belong together, and what must hold. Unknown keys are refused. Leaves out: reading
the images (components/intake/layouts) and judging them (components/intake/validate_data.py).
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from components.errors import ContractError
from components.types import Role, Severity

CONTRACTS = Path("data/contracts")


class Part(BaseModel):
    """A frozen part of a contract that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PublishedFile(Part):
    """A file as a source publishes it; digest and size are null where nobody here has seen it whole."""

    name: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    size_bytes: int | None = Field(default=None, ge=1)


class Place(Part):
    """One address from which the data can be had, in which form, under which agreement.

    form `download`: anybody can fetch it; `account`: the site wants a login; `request`: a person decides; `gone`: the
    address answers no more.
    """

    address: str
    form: Literal["download", "account", "request", "gone"]
    agreement: str | None = None
    files: tuple[PublishedFile, ...] = ()


class Source(Part):
    """Where the authors publish the data, and how a person gets them; `places` in the order of preference."""

    title: str
    places: tuple[Place, ...] = Field(min_length=1)
    obtain: str
    citation: str

    @property
    def nearest(self) -> Place:
        """The first place that still answers, else the first."""
        return next((place for place in self.places if place.form != "gone"), self.places[0])

    @property
    def address(self) -> str:
        """The address to try first."""
        return self.nearest.address


class OfficialSplits(Part):
    """What division the authors give, and what is made of it."""

    stated: str
    use: str


class Licence(Part):
    """What the source states, and what it allows; `unknown` where it doesn't say."""

    stated: str
    train: Literal["yes", "no", "unknown"]
    redistribute: Literal["yes", "no", "unknown"]
    commercial: Literal["yes", "no", "unknown"]


class Layout(Part):
    """The shape of folder, by the name of its reader, with that reader's options.

    `reader` names a module in components/intake/layouts; `options` are checked by that reader.
    """

    reader: str
    options: dict[str, Any] = Field(default_factory=dict)


class MaskCodes(Part):
    """How mask pixels become objects.

    kind `binary`: foreground where the grey value >= `threshold`, one object for each connected component;
    kind `codes`: the values of `labels` are objects, `background` and nothing else may stand beside them;
    kind `polygons`: one object for each polygon; kind `instances`: one for each annotation of a COCO file, whose
    category says the code. `labels` maps a code to an anatomical name (for binary and
    polygons only one, "1"). Components under `min_area_px` are no objects (specks).
    """

    kind: Literal["binary", "codes", "polygons", "instances"]
    labels: dict[int, str] = Field(min_length=1)
    threshold: int | None = Field(default=None, ge=1, le=255)
    background: int = 0
    reason: str
    min_area_px: int = Field(default=1, ge=1)
    lossy: bool = False

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> Self:
        if self.kind == "binary" and self.threshold is None:
            raise ValueError("kind binary needs a threshold: which grey values are foreground changes the outlines")
        if self.kind in ("binary", "polygons") and len(self.labels) > 1:
            raise ValueError(f"kind {self.kind} has one label, as nothing tells {len(self.labels)} apart")
        return self


class Group(Part):
    """By which key images belong together: a reader's field, or a list of related images in a CSV file.

    `key`: `image` (each its own), `case`, `video`, or `related` (the CSV `related` beside the contract, columns
    group, filename, objection; `related_sha256` pins it, so that whoever depends on the contract depends on it).
    """

    key: Literal["image", "case", "video", "related"]
    related: str | None = None
    related_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    reason: str


class AcceptedFault(Part):
    """An error that the original is known to have: the file is left out, and the error becomes a warning.

    It counts only where `file` (a name, no folder) really shows the fault `code`; a sound file is used. Codes are those
    of ACCEPTABLE in components/intake/faults.py.
    """

    file: str
    code: str
    reason: str


class Quarantined(Part):
    """A file that a reviewer took out or corrected: which, how, why, who and when. The raw file itself stays.

    `file` is its path within the dataset's root, or as reports name it. action `exclude`: the file is treated as if it
    weren't there, and a case whose image goes, goes with it; `correct`: the file `replacement` beside the contract,
    pinned by `replacement_sha256`, is read in place of an image, a mask, a sheet of outlines or a table.
    """

    file: str
    action: Literal["exclude", "correct"]
    reason: str
    reviewer: str
    date: date
    replacement: str | None = None
    replacement_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @field_validator("file", "replacement")
    @classmethod
    def _stays_within_its_folder(cls, value: str | None) -> str | None:
        path = PurePosixPath(value or "a")
        if path.is_absolute() or ".." in path.parts or "\\" in (value or "") or value == "":
            raise ValueError("a path within the folder, with / and without ..")
        return value

    @model_validator(mode="after")
    def _replacement_goes_with_correct(self) -> Self:
        given = self.replacement is not None and self.replacement_sha256 is not None
        if given != (self.action == "correct") or (self.replacement is None) != (self.replacement_sha256 is None):
            raise ValueError("`correct` needs replacement and replacement_sha256; `exclude` has neither")
        return self


class Expectations(Part):
    """What must hold of the dataset's table; counts are those of the original, for real data only."""

    images: int | None = Field(default=None, ge=1)
    classes: dict[str, int] = Field(default_factory=dict)
    empty_mask_classes: tuple[str, ...] = ()
    min_side_px: int = Field(default=64, ge=1)
    max_side_px: int = Field(default=4096, ge=1)
    max_foreground_share: float = Field(default=0.95, gt=0, le=1)
    unlabelled: Literal["refuse", "ignore"] = "refuse"


class Contract(Part):
    """All that SonoForge knows of a dataset before it opens a file of it.

    `acquisition` is who was imaged, where, when and with what, as published, None where nothing of it was seen.
    `same_source_as` names datasets of the same patients: they must never meet across a test. `severity` overrides
    how bad a fault is, by its code.
    """

    schema_version: Literal[2]
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    anatomy: str
    role: Role
    role_reason: str
    acquisition: str | None = None
    source: Source
    licence: Licence
    layout: Layout
    mask: MaskCodes
    group: Group
    official_splits: OfficialSplits | None = None
    same_source_as: tuple[str, ...] = ()
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str
    expectations: Expectations
    known_faults: tuple[str, ...] = ()
    accepted_faults: tuple[AcceptedFault, ...] = ()
    quarantine: tuple[Quarantined, ...] = ()
    severity: dict[str, Severity] = Field(default_factory=dict)

    @field_validator("quarantine")
    @classmethod
    def _one_entry_a_file(cls, value: tuple[Quarantined, ...]) -> tuple[Quarantined, ...]:
        if twice := sorted(file for file, number in Counter(one.file for one in value).items() if number > 1):
            raise ValueError(f"more than one entry for {', '.join(twice)}")
        return value


def load_contract(name: str, folder: Path = CONTRACTS) -> Contract:
    """Read one dataset's contract.

    Raises
    ------
    ContractError
        If there is no such contract, it isn't YAML in UTF-8, names another dataset, or breaks the schema.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise ContractError(
            f"no contract {path}",
            expected=f"one of {', '.join(contract_names(folder)) or '(none)'}",
            remedy=f"check the dataset's name, or write {path}",
        )
    try:
        contract = Contract.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or '(top)'}: {e['msg']}" for e in error.errors()]
        raise ContractError(
            f"{path}: " + "; ".join(lines),
            expected="the keys and types of components/contract.py",
            remedy="correct or remove the keys named above",
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # PyYAML tells of a date that isn't one as a ValueError, as does a text that isn't UTF-8.
        raise ContractError(
            f"{path} isn't YAML: {error}", expected="YAML in UTF-8", remedy="mend what is named above"
        ) from None
    if contract.name != name:
        raise ContractError(
            f"{path} names the dataset {contract.name!r}",
            expected=repr(name),
            remedy="give file and name alike",
        )
    return contract


def check_licence(contract: Contract) -> None:
    """Make sure that real images of a dataset may be used in the role that its contract gives it.

    Raises
    ------
    ContractError
        If the dataset is internal, so that models would be trained on it, and its licence forbids that.
    """
    if contract.role == "internal" and contract.licence.train == "no":
        raise ContractError(
            f"the licence of {contract.name} forbids to train on it ({contract.licence.stated})",
            expected="licence.train yes, or unknown, for a dataset of the role internal",
            remedy="give it the role external, so that it only tests; or get leave and say so under licence",
        )


def contract_names(folder: Path = CONTRACTS) -> tuple[str, ...]:
    """The names of all datasets that have a contract, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))
