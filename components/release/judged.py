"""A candidate's folder, its gate's record and its package's, held against each other: they must be of one another.

Leaves out: what follows from the verdict (promote.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from components.artefacts import ModelDescription
from components.errors import ReleaseError
from components.release.files import (
    CALIBRATION,
    FILES,
    MODEL,
    Listing,
    differences,
    list_files,
    model_files,
    package_digest,
)
from components.release.packing.packaged import AGAIN, Package, read_package
from components.release.records.ledger import released_folder
from components.release.records.released import checked_description, read_listing
from components.release.verdict import read_gate


class Named(TypedDict):
    """What a ledger's entry says of a package."""

    package_sha256: str | None
    calibration_sha256: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A model folder and the verdict on it.

    `files` is the list of its package, empty for a model that was released before packages were judged; `package` the
    whole record of it, None for a model that is `released` already.
    """

    model: Path
    gate: Path
    record: Mapping[str, Any]
    description: ModelDescription
    files: Listing
    package: Package | None
    released: bool

    @property
    def digest(self) -> str:
        """The digest of the weights."""
        return self.description.digest

    @property
    def named(self) -> Named:
        """The digests of the package's list and of its calibration."""
        return {
            "package_sha256": package_digest(self.files) if self.files else None,
            "calibration_sha256": self.files.get(MODEL + CALIBRATION),
        }


def read_judged(root: Path, *, model: Path, gate: Path, package: Path | None) -> Judged:
    """Read a candidate with its gate's and its package's record, which must be about these very files.

    A model that is released already has the list of its package with it, and needs no `package`.

    Raises
    ------
    ReleaseError
        If the gate judged other weights or another package, files aren't those that were judged, or a record is broken.
    ArtefactError
        If the model folder is incomplete.
    """
    description = checked_description(model)
    record = read_gate(gate)
    if (of := record["model"]["digest"]) != description.digest:
        raise ReleaseError(
            f"{gate} judges the weights {of[:12]}, {model} holds {description.digest[:12]}",
            expected="a verdict on the model that is to be promoted",
            remedy="run the graph to its end: `dvc repro`",
        )
    released = model.resolve() == released_folder(root, description.digest).resolve()
    if package is None:
        listing = read_listing(model / FILES)
        if listing is None and not released:
            raise ReleaseError(
                f"{model} was never packaged", expected="a candidate whose Bento was built and tried", remedy=AGAIN
            )
        return Judged(model, gate, record, description, listing or {}, None, released)
    found = read_package(package)
    _refuse_other_package(found, package, record=record, description=description)
    expected = model_files(found.files)
    there = {name: digest for name, digest in list_files(model).items() if name in expected}
    if wrong := differences(there, expected):
        raise ReleaseError(
            f"{model} isn't as it was judged: {', '.join(wrong)}",
            expected=f"the files that {package} lists",
            remedy=f"`dvc checkout {model.name}`, or {AGAIN}",
        )
    return Judged(model, gate, record, description, found.files, found, released)


def _refuse_other_package(
    found: Package, path: Path, *, record: Mapping[str, Any], description: ModelDescription
) -> None:
    """Refuse a package of other weights, or another one than the gate judged."""
    if found.model.digest != description.digest:
        raise ReleaseError(
            f"{path} is about the weights {found.model.digest[:12]}, the candidate holds {description.digest[:12]}",
            expected="a package of the model that is to be promoted",
            remedy="run the graph to its end: `dvc repro`",
        )
    judged = record.get("package_sha256", found.package_sha256)
    if judged != found.package_sha256:
        raise ReleaseError(
            f"the gate judged the package {str(judged)[:12]}, {path} is {found.package_sha256[:12]}",
            expected="the package that was judged",
            remedy="run the graph to its end: `dvc repro`",
        )


def refuse_foreign(metrics: Mapping[str, Any], description: ModelDescription, *, role: str) -> None:
    """Refuse results of other weights: the card would state them as this model's.

    Raises
    ------
    ReleaseError
        If a validation's metrics name another model.
    """
    model = metrics.get("model", {"digest": description.digest})
    scored = str(model.get("digest")) if isinstance(model, Mapping) else "of no model"
    if scored != description.digest:
        raise ReleaseError(
            f"the {role} validation scored the weights {scored[:12]}, not {description.digest[:12]}",
            expected="results of the model that is to be promoted",
            remedy="run the graph to its end: `dvc repro`",
        )
