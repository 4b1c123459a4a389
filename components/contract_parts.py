"""The parts of a contract, each a few keys that belong together, with the rules that hold among them.

Leaves out: the contract as a whole, its name and its relatives (contract.py), YAML and the words of a refusal
(contract_text.py).
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    field_validator,
    model_validator,
)

from components.contract_text import MD5_PATTERN, SHA256_PATTERN, RuleError

Day = date
"""A day, under a name that no field takes."""
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""A text that says something."""
# YAML's yes and no would pass for 1 and 0, and "128" for 128.
Whole = Annotated[int, Strict()]
Sha256 = Annotated[str, StringConstraints(pattern=SHA256_PATTERN)]
Md5 = Annotated[str, StringConstraints(pattern=MD5_PATTERN)]


def _has_come(value: object) -> Day:
    # Pydantic would take a number for seconds since 1970.
    written = value.isoformat() if isinstance(value, Day) else str(value)
    try:
        day = datetime.strptime(written, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise RuleError(
            f"{written} is no date", expected="a date as 2026-11-22", remedy="write year, month and day so"
        ) from None
    # A day more, as it may be tomorrow already where the reviewer sits.
    if day > datetime.now(UTC).date() + timedelta(days=1):
        raise RuleError(f"{written} is still to come", expected="the day of the review", remedy="correct the date")
    return day


def _stays_within_its_folder(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value or value == "":
        raise RuleError(
            f"{value!r} may lead out of its folder",
            expected="a path within the folder, with / and without ..",
            remedy="write it as reports name the file",
        )
    return value


ReviewDay = Annotated[Day, BeforeValidator(_has_come)]
"""The day of a review, which has come."""
PathWithin = Annotated[str, AfterValidator(_stays_within_its_folder)]
"""A file's path within a folder, as reports name it."""


class Part(BaseModel):
    """A frozen part of a contract that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PublishedFile(Part):
    """A file as a source publishes it; digests and size are null where nobody stated them.

    `stated_by` says who did: the source itself, somebody's published download script, or the first import here. Where
    there is an md5 only, files are compared by that.
    """

    name: Said
    sha256: Sha256 | None = None
    md5: Md5 | None = None
    size_bytes: Whole | None = Field(default=None, ge=1)
    stated_by: Said | None = None

    @model_validator(mode="after")
    def _somebody_stated_it(self) -> Self:
        stated = [name for name in ("sha256", "md5", "size_bytes") if getattr(self, name) is not None]
        if stated and self.stated_by is None:
            raise RuleError(
                f"{', '.join(stated)} without stated_by",
                expected="who stated a digest or a size",
                remedy="say under stated_by where that was read",
            )
        return self


class Place(Part):
    """One address from which the data can be had, in which form, under which agreement.

    form `download`: anybody can fetch it; `account`: the site wants a login; `request`: a person decides; `gone`: the
    address answers no more.
    """

    address: Said
    form: Literal["download", "account", "request", "gone"]
    agreement: Said | None = None
    files: tuple[PublishedFile, ...] = ()


class Source(Part):
    """Where the authors publish the data, and how a person gets them; `places` in the order of preference.

    `shared_with` names datasets of other patients at the same address, such as in one archive.
    """

    title: Said
    places: tuple[Place, ...] = Field(min_length=1)
    obtain: Said
    citation: Said
    shared_with: tuple[Said, ...] = ()

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

    stated: Said
    use: Said


class Licence(Part):
    """What the source states, and what it allows; `unknown` where that isn't known here.

    `unknown_because` says why: `not_seen` (there may be a text, but whoever wrote this didn't see it), `not_stated`
    (the source was seen, and states none), `contradictory` (statements that don't agree). `duties` are what a use
    that is allowed asks for, such as credit.
    """

    stated: Said
    train: Literal["yes", "no", "unknown"]
    redistribute: Literal["yes", "no", "unknown"]
    commercial: Literal["yes", "no", "unknown"]
    unknown_because: Literal["not_seen", "not_stated", "contradictory"] | None = None
    duties: Said | None = None

    @model_validator(mode="after")
    def _says_why_it_is_unknown(self) -> Self:
        unknown = [use for use in ("train", "redistribute", "commercial") if getattr(self, use) == "unknown"]
        if bool(unknown) == (self.unknown_because is not None):
            return self
        raise RuleError(
            f"{', '.join(unknown)} unknown without unknown_because" if unknown else "unknown_because, and nothing is",
            expected="unknown_because (not_seen, not_stated or contradictory) beside unknown, and only there",
            remedy="say whether no text was seen, the source states none, or statements don't agree"
            if unknown
            else "remove unknown_because",
        )


class Layout(Part):
    """The shape of folder, by the name of its reader, with that reader's options.

    `reader` names a module in components/intake/layouts; `options` are checked by that reader. `seen` says which of
    the folder's files were seen by whoever wrote this, and from which descriptions the rest is known.
    """

    reader: Said
    options: dict[str, Any] = Field(default_factory=dict)
    seen: Said | None = None


class Stated(Part):
    """A property of all images, their scanner or their site: one `name`, or a column of a `table`.

    `table` holds the keys of `OriginTable` (components/intake/layouts/origins.py), which checks them. `stated_by` says
    who states the property.
    """

    name: Said | None = None
    table: dict[str, Any] | None = None
    stated_by: Said

    @model_validator(mode="after")
    def _is_said_once(self) -> Self:
        if (self.name is None) == (self.table is None):
            raise RuleError(
                "neither name nor table" if self.name is None else "name and table",
                expected="a name that holds for all images, or a table that gives each its own",
                remedy="add one of them; leave the whole key out where nothing is known"
                if self.name is None
                else "leave one",
            )
        return self


class MaskCodes(Part):
    """How mask pixels become objects.

    kind `binary`: foreground where the grey value >= `threshold`, one object for each connected component;
    kind `codes`: the values of `labels` are objects, `background` and nothing else may stand beside them;
    kind `polygons`: one object for each polygon; kind `instances`: one for each annotation of a COCO file, whose
    category says the code. `labels` maps a code to an anatomical name (for binary and
    polygons only one, "1"). Components under `min_area_px` are no objects (specks).
    """

    kind: Literal["binary", "codes", "polygons", "instances"]
    labels: dict[Whole, Said] = Field(min_length=1)
    threshold: Whole | None = Field(default=None, ge=1, le=255)
    background: Whole = Field(default=0, ge=0, le=255)
    reason: Said
    min_area_px: Whole = Field(default=1, ge=1)
    lossy: bool = False

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> Self:
        if self.kind == "binary" and self.threshold is None:
            raise RuleError(
                "kind binary without a threshold",
                expected="a threshold, since which grey values are foreground changes the outlines",
                remedy="add threshold, the least grey value of the foreground (of black and white 128), and why",
            )
        if self.kind in ("binary", "polygons") and len(self.labels) > 1:
            raise RuleError(
                f"kind {self.kind} with {len(self.labels)} labels",
                expected="one label, as nothing tells several apart",
                remedy="leave one label, or use kind codes or instances",
            )
        return self

    @model_validator(mode="after")
    def _codes_can_stand_in_a_mask(self) -> Self:
        if self.kind == "codes" and self.background in self.labels:
            raise RuleError(
                f"the code {self.background} is a label and the background",
                expected="labels for objects alone",
                remedy=f"remove the label {self.background}, or name another background",
            )
        low = 0 if self.kind == "codes" else 1
        if wrong := [code for code in self.labels if not low <= code <= 255]:
            raise RuleError(
                f"labels has the code {wrong[0]}",
                expected=f"codes from {low} to 255, as a mask can hold them for objects",
                remedy="correct the code; of colours write the grey value that they become",
            )
        return self


class Together(Part):
    """Images that a reviewer found to show one patient or lesion: which, why, who and when.

    `files` are images, named as in `Quarantined`.
    """

    files: tuple[PathWithin, ...]
    reason: Said
    reviewer: Said
    date: ReviewDay

    @field_validator("files")
    @classmethod
    def _several(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted(file for file, number in Counter(value).items() if number > 1)
        if twice or len(value) < 2:
            found = f"{', '.join(twice)} more than once" if twice else f"{len(value)} of them"
            raise RuleError(found, expected="two images or more, each once", remedy="name the other image")
        return value


class Group(Part):
    """By which key images belong together: a reader's field, or a list of related images in a CSV file.

    `key`: `image` (each its own), `case`, `video`, or `related` (the CSV `related` beside the contract, columns
    group, filename, objection; `related_sha256` pins it, so that whoever depends on the contract depends on it).
    `together` are images that a reviewer found to belong together: their groups become one.
    """

    key: Literal["image", "case", "video", "related"]
    related: Said | None = None
    related_sha256: Sha256 | None = None
    reason: Said
    together: tuple[Together, ...] = ()

    @model_validator(mode="after")
    def _related_has_its_list(self) -> Self:
        given = self.related is not None, self.related_sha256 is not None
        if given != (self.key == "related",) * 2:
            raise RuleError(
                f"key {self.key} {'with' if any(given) else 'without'} a list of related images",
                expected="related and related_sha256 with key related, and neither with another key",
                remedy="add or remove both, or correct key",
            )
        return self


class AcceptedFault(Part):
    """An error that the original is known to have: the file is left out, and the error becomes a warning.

    It counts only where `file` really shows the fault `code`; a sound file is used. `file` is its path as in reports,
    or the end of it, down to the bare name if no other file has it. Codes are those of ACCEPTABLE in
    components/intake/faults.py.
    """

    file: Said
    code: Said
    reason: Said


class Quarantined(Part):
    """A file that a reviewer took out or corrected: which, how, why, who and when. The raw file itself stays.

    `file` is its path within the dataset's root, or as reports name it. action `exclude`: the file is treated as if it
    weren't there, and a case whose image goes, goes with it; `correct`: the file `replacement` beside the contract,
    pinned by `replacement_sha256`, is read in place of an image, a mask, a sheet of outlines or a table.
    """

    file: PathWithin
    action: Literal["exclude", "correct"]
    reason: Said
    reviewer: Said
    date: ReviewDay
    replacement: PathWithin | None = None
    replacement_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _replacement_goes_with_correct(self) -> Self:
        given = self.replacement is not None and self.replacement_sha256 is not None
        if given != (self.action == "correct") or (self.replacement is None) != (self.replacement_sha256 is None):
            raise RuleError(
                f"action {self.action} {'without' if self.action == 'correct' else 'with'} replacement or its sha256",
                expected="`correct` has replacement and replacement_sha256, `exclude` has neither",
                remedy="add what is missing, or remove what is too much",
            )
        return self


class Expectations(Part):
    """What must hold of the dataset's table; counts are those of the original, for real data only."""

    images: Whole | None = Field(default=None, ge=1)
    classes: dict[Said, Whole] = Field(default_factory=dict)
    empty_mask_classes: tuple[Said, ...] = ()
    min_side_px: Whole = Field(default=64, ge=1)
    max_side_px: Whole = Field(default=4096, ge=1)
    max_foreground_share: float = Field(default=0.95, gt=0, le=1)
    unlabelled: Literal["refuse", "ignore"] = "refuse"

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.min_side_px > self.max_side_px:
            raise RuleError(
                f"min_side_px {self.min_side_px} is more than max_side_px {self.max_side_px}",
                expected="the lesser of the two as min_side_px",
                remedy="correct one of them",
            )
        if self.classes and (strange := sorted(set(self.empty_mask_classes) - set(self.classes))):
            raise RuleError(
                f"empty_mask_classes names {', '.join(strange)}",
                expected=f"some of the classes: {', '.join(self.classes)}",
                remedy="correct the name, or add it to classes with its number of images",
            )
        return self
