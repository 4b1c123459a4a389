"""An import, to the record beside its .dvc file: from which archive (name, size, sha256), when, and whether it was the
published one.

The comparison is with the files that the contract lists at the places where the data can be had. Leaves out:
importing (imports.py), and digests of the copy itself, which are DVC's.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from components.artefacts import sha256_of, write_json
from components.contract import Contract, PublishedFile
from components.errors import LayoutError

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether an archive is the published one, `unknown` where there is nothing to compare it with, and why so."""

    verdict: Literal["same", "different", "unknown"]
    reason: str


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """Where an import came from. `sha256` is null for a folder, whose size is that of all its files."""

    dataset: str
    imported: str
    kind: Literal["archive", "folder"]
    name: str
    size_bytes: int
    sha256: str | None
    published: Comparison

    def line(self) -> str:
        """The record in one line, to read."""
        digest = f", sha256 {self.sha256}" if self.sha256 else ""
        return f"{self.imported} from the {self.kind} {self.name} ({self.size_bytes:,} bytes{digest})"


def record_path(target: Path) -> Path:
    """Where the record of the import in the folder `target` stands."""
    return target.with_name(f"{target.name}.json")


def record_of(contract: Contract, source: Path, *, today: date | None = None) -> ImportRecord:
    """Look at a folder or archive that is about to be imported; the date is today's in UTC."""
    imported = (today or datetime.now(UTC).date()).isoformat()
    name = source.resolve().name
    if source.is_dir():
        size_bytes = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
        nothing = Comparison("unknown", "a folder has no digest to compare; import the archive itself to compare it")
        return ImportRecord(contract.name, imported, "folder", name, size_bytes, None, nothing)
    size_bytes, sha256 = source.stat().st_size, sha256_of(source)
    published = compare(contract, name, size_bytes=size_bytes, sha256=sha256, md5=_md5_of(source))
    return ImportRecord(contract.name, imported, "archive", name, size_bytes, sha256, published)


def compare(contract: Contract, name: str, *, size_bytes: int, sha256: str, md5: str) -> Comparison:
    """Compare an archive with the files that the contract lists: by sha256, or md5 where that alone is stated, then by
    name, then by size.

    One that is listed by its name without a digest is unknown, whatever digests the other files have.
    """
    listed = [(place.address, file) for place in contract.source.places for file in place.files]
    here = {"sha256": sha256, "md5": md5}
    for address, file in listed:
        kind, stated = _digest(file)
        if stated is not None and stated == here[kind]:
            return Comparison("same", f"it is {file.name} of {address}, by {kind} (stated by {file.stated_by})")
    namesakes = [(address, file) for address, file in listed if file.name.lower() == name.lower()]
    for address, file in namesakes:
        if why := _differs(file, size_bytes, here):
            return Comparison("different", f"{name} has {why[0]}, but {file.name} of {address} has {why[1]}")
    if namesakes:
        return Comparison("unknown", f"the contract lists no digest of {name} to compare it with")
    known = [(file.name, *_digest(file)) for _, file in listed]
    stated = ", ".join(f"{file} ({kind} {digest})" for file, kind, digest in known if digest)
    if not stated:
        return Comparison("unknown", "no published digest was found; this import can pin it")
    places = [one for one in contract.source.places if one.form != "gone"]
    if silent := [one.address for one in places if not any(_digest(file)[1] for file in one.files)]:
        return Comparison("unknown", f"it isn't {stated}; of {', '.join(silent)} no digest is known")
    return Comparison("different", f"{name} has sha256 {sha256}, but the published files are {stated}")


def _digest(file: PublishedFile) -> tuple[Literal["sha256", "md5"], str | None]:
    """By which digest a file is known: md5 only where no sha256 is stated, as md5 can be forged."""
    return ("md5", file.md5) if file.sha256 is None and file.md5 is not None else ("sha256", file.sha256)


def _differs(file: PublishedFile, size_bytes: int, here: dict[str, str]) -> tuple[str, str] | None:
    """What differs, here and as published."""
    kind, stated = _digest(file)
    if stated is not None:
        return f"{kind} {here[kind]}", f"{kind} {stated}"
    if file.size_bytes is not None and file.size_bytes != size_bytes:
        return f"{size_bytes:,} bytes", f"{file.size_bytes:,}"
    return None


def _md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def contract_lines(record: ImportRecord) -> str:
    """What to put under a place's `files` in the contract to pin the archive."""
    stated = f'stated_by: "the import here of {record.imported}"'
    return f'- {{name: "{record.name}", sha256: {record.sha256}, size_bytes: {record.size_bytes}, {stated}}}'


def write_record(record: ImportRecord, target: Path) -> None:
    """Write the record beside the imported folder `target`."""
    write_json(record_path(target), {"schema": SCHEMA, **asdict(record)})


def read_record(target: Path) -> ImportRecord | None:
    """The record of the import in `target`; None where there is none.

    Raises
    ------
    LayoutError
        If the file isn't a record of this schema.
    """
    path = record_path(target)
    if not path.is_file():
        return None
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        return ImportRecord(**(values | {"published": Comparison(**values["published"])}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LayoutError(
            f"{path} isn't the record of an import ({error})",
            expected=f"what `sonoforge data import` wrote, schema {SCHEMA}",
            remedy=f"git restore {path}",
        ) from None
