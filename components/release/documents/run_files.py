"""The files of a run to one value from which all documents are filled.

Results must be of the model that stands in the project: a document that stated another's would lie. Leaves out: words
(about_data.py and its neighbours), people's statements (statements.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.artefacts import ModelDescription, PretrainingExposure, read_description
from components.contract import Contract, load_contract
from components.errors import ReleaseError
from components.evaluation.exposure import by_patients
from components.intake.form.records import read_manifest, read_split
from components.intake.sides.record import sides_by_key
from components.intake.sides.relatives import Key
from components.intake.sides.sources import read_sources
from components.params import Params
from components.types import Record, Role

EXTERNAL = "external"


@dataclass(frozen=True)
class Run:
    """What a run made and rests on.

    `student` and `teacher` are the models' descriptions, `champion` that of the model in use, if there is one.
    `internal` and `external` are the validations' `metrics.json`. `records` holds each dataset's harmonised images,
    `sides` the side of each internal one, `faults` each dataset's `faults.json`. `exposure` is what the student had
    seen, counted by patients. `package` is `reports/package.json` and `calibration` `calibration.json`, each None where
    the run has none.
    """

    params: Params
    statements: Mapping[str, str]
    student: ModelDescription
    teacher: ModelDescription
    champion: ModelDescription | None
    internal: Mapping[str, Any]
    external: Mapping[str, Any]
    split: Mapping[str, Any]
    sides: Mapping[Key, str]
    records: Mapping[str, tuple[Record, ...]]
    contracts: Mapping[str, Contract]
    faults: Mapping[str, Mapping[str, Any]]
    exposure: PretrainingExposure
    package: Mapping[str, Any] | None
    calibration: Mapping[str, Any] | None

    @property
    def names(self) -> tuple[str, ...]:
        """The run's datasets."""
        return tuple(self.records)

    @property
    def phantom(self) -> bool:
        """Whether the model, or any image that it was tested on, is a phantom's."""
        return self.student.phantom or any(metrics["phantom"] for _, metrics in self.validations)

    @property
    def validations(self) -> tuple[tuple[Role, Mapping[str, Any]], ...]:
        """Both validations' results by role."""
        return ("internal", self.internal), ("external", self.external)

    @property
    def all_drawn(self) -> bool:
        """Whether no dataset of the run holds real images."""
        return all(self.is_phantom(name) for name in self.names)

    def role(self, name: str) -> Role:
        """A dataset's role."""
        return self.contracts[name].role

    def is_phantom(self, name: str) -> bool:
        """Whether a dataset's images are made by the generator."""
        return self.params.datasets[name].is_phantom

    def side(self, record: Record) -> str:
        """On which side an image stands: train, val, test, or external."""
        return self.sides[record.dataset, record.image_id] if record.role == "internal" else EXTERNAL


def read_run(root: Path, *, params: Params, statements: Mapping[str, str], champion: ModelDescription | None) -> Run:
    """Read a finished run's files in the project at `root`.

    Raises
    ------
    ReleaseError
        If a file of the run is missing, isn't JSON, or is about other weights than `models/student`.
    ArtefactError, ContractError, LayoutError
        If models, contracts, manifests or the split are missing or broken.
    """
    student = read_description(root / "models/student")
    results = {role: read_report(root / f"reports/{role}/metrics.json", student) for role in ("internal", "external")}
    package = root / "reports/package.json"
    calibration = root / "models/calibration/calibration.json"
    return Run(
        params=params,
        statements=statements,
        student=student,
        teacher=read_description(root / "models/teacher"),
        champion=champion,
        internal=results["internal"],
        external=results["external"],
        split=_read(root / "reports/split/report.json"),
        sides=sides_by_key(read_split(root / "data/03_splits/internal.csv")),
        records={name: _records(root, name, params) for name in params.datasets},
        contracts={name: load_contract(name, root / "data/contracts") for name in params.datasets},
        faults={name: _read(root / "reports/data" / name / "faults.json") for name in params.datasets},
        exposure=by_patients(student.exposure, read_sources(root / "data/03_splits/sources.json")),
        package=read_report(package, student) if package.is_file() else None,
        calibration=read_calibration_file(calibration, student) if calibration.is_file() else None,
    )


def _records(root: Path, name: str, params: Params) -> tuple[Record, ...]:
    return tuple(read_manifest(root / "data/02_harmonised" / params.datasets[name].role / name))


def read_report(path: Path, student: ModelDescription) -> dict[str, Any]:
    """A report that must be about the student's weights."""
    found = _read(path)
    digest = str((found.get("model") or {}).get("digest"))
    if digest != student.digest:
        raise _foreign(path, digest, student)
    return found


def read_calibration_file(path: Path, student: ModelDescription) -> dict[str, Any]:
    """A calibration that must be the student's."""
    found = _read(path)
    if found.get("model_digest") != student.digest:
        raise _foreign(path, str(found.get("model_digest")), student)
    return found


def _foreign(path: Path, digest: str, student: ModelDescription) -> ReleaseError:
    return ReleaseError(
        f"{path} is about the weights {digest[:12]}, models/student holds {student.digest[:12]}",
        expected="files about the model of this run",
        remedy="run the graph to its end: `dvc repro`",
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReleaseError(
            f"{path} can't be read ({type(error).__name__})",
            expected="what the stages before wrote",
            remedy="run the graph to its end: `dvc repro`",
        ) from None
    if not isinstance(found, dict):
        raise ReleaseError(
            f"{path} holds a {type(found).__name__}", expected="a JSON object", remedy="run the stage that wrote it"
        )
    return found
