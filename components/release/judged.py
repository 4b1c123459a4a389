"""A candidate's folder, its gate's record and its package's, held against each other: they must be of one another.

Leaves out: what follows from the verdict (promote.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from components.artefacts import ModelDescription, read_description
from components.errors import ReleaseError
from components.listing import FILES, MODEL, Listing, differences, list_files, model_files, read_listing
from components.release.files import CALIBRATION, package_digest
from components.release.packing.packaged import AGAIN, Package, read_package
from components.release.records.ledger import LEDGER, read_ledger, released_folder
from components.release.records.released import checked_description
from components.release.verdict import GateRecord, read_gate, refuse_incomplete

NO_METRICS: Mapping[str, Any] = {"datasets": {}}
"""The results of a validation that nobody gives."""


class Named(TypedDict):
    """What a ledger's entry says of a package."""

    package_sha256: str | None
    calibration_sha256: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A model folder and the verdict on it.

    `gate` is the record of the verdict; `files` the list of the package, empty for a model that was released before
    packages were judged; `package` the whole record of it, None for a model that is `released` already.
    """

    model: Path
    gate: GateRecord
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
    if record.digest != description.digest:
        raise ReleaseError(
            f"{gate} judges the weights {record.digest[:12]}, {model} holds {description.digest[:12]}",
            expected="a verdict on the model that is to be promoted",
            remedy="run the graph to its end: `dvc repro`",
        )
    released = is_released(root, model)
    if not released:  # What was judged in its time by fewer conditions is bound by the ledger.
        refuse_incomplete(record, gate)
    if package is None:
        if not released:
            raise ReleaseError(
                f"{model} was never packaged", expected="a candidate whose Bento was built and tried", remedy=AGAIN
            )
        kept = Judged(model, record, description, read_listing(model / FILES) or {}, None, released)
        _refuse_unjudged(record, kept.named["package_sha256"], of=model / FILES)
        return kept
    found = read_package(package)
    if found.model.digest != description.digest:
        raise ReleaseError(
            f"{package} is about the weights {found.model.digest[:12]}, the candidate holds {description.digest[:12]}",
            expected="a package of the model that is to be promoted",
            remedy="run the graph to its end: `dvc repro`",
        )
    _refuse_unjudged(record, found.package_sha256, of=package)
    expected = model_files(found.files)
    there = {name: digest for name, digest in list_files(model).items() if name in expected}
    if wrong := differences(there, expected):
        raise ReleaseError(
            f"{model} isn't as it was judged: {', '.join(wrong)}",
            expected=f"the files that {package} lists",
            remedy=f"`dvc checkout {model.name}`, or {AGAIN}",
        )
    return Judged(model, record, description, found.files, found, released)


def is_released(root: Path, model: Path) -> bool:
    """Whether a model folder is the released one of its weights: where such a model stands, and known to the ledger.

    Raises
    ------
    ReleaseError
        If the ledger was tampered with.
    ArtefactError
        If there is no description.
    """
    digest = read_description(model).digest
    promoted = {entry.target for entry in read_ledger(root / LEDGER).entries if entry.action == "promote"}
    return digest in promoted and model.resolve() == released_folder(root, digest).resolve()


def _refuse_unjudged(gate: GateRecord, package: str | None, *, of: Path) -> None:
    """Refuse another package than the one that the gate judged; None is that of the times before there were any."""
    judged = gate.values.get("package_sha256")
    if judged != package:
        raise ReleaseError(
            f"the gate judged {_named(judged)}, {of} is {_named(package)}",
            expected="the package that was judged",
            remedy="run the graph to its end: `dvc repro`",
        )


def _named(package: object) -> str:
    return "no package" if package is None else f"the package {str(package)[:12]}"


def read_metrics(root: Path, role: str) -> dict[str, Any]:
    """The results of a validation, which the model's card states.

    Raises
    ------
    ReleaseError
        If there are none, or the file is cut or holds none.
    """
    path = root / "reports" / role / "metrics.json"
    if not path.is_file():
        raise ReleaseError(
            f"no results {path.relative_to(root)}",
            expected=f"the {role} validation, which the model's card states",
            remedy="run the graph to its end: `dvc repro`",
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        found = f"no JSON, {error}"
    if not isinstance(found, dict):
        raise ReleaseError(
            f"{path.relative_to(root)} holds no results: {str(found)[:200]}",
            expected=f"the {role} validation's metrics",
            remedy=f"run the stage again: `dvc repro validate_{role}`",
        )
    return found


def refuse_foreign(metrics: Mapping[str, Any], description: ModelDescription, *, role: str) -> None:
    """Refuse results of other weights, or of nobody knows which: the card would state them as this model's.

    `NO_METRICS` state nothing, and are of nobody.

    Raises
    ------
    ReleaseError
        If a validation's metrics name another model, or none.
    """
    if metrics == NO_METRICS:
        return
    model = metrics.get("model")
    scored = model.get("digest") if isinstance(model, Mapping) else None
    if scored != description.digest:
        told = "doesn't say whose masks it scored" if scored is None else f"scored the weights {str(scored)[:12]}"
        raise ReleaseError(
            f"the {role} validation {told}",
            expected=f"results of the model that is to be promoted, {description.digest[:12]}",
            remedy=f"run the graph to its end, `dvc repro`, or first this stage: `dvc repro validate_{role}`",
        )
