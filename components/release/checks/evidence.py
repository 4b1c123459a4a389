"""What a verdict rests on, and by which rules it is judged.

Leaves out: reading the evidence from a project's files (components/release/gathering.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from components.artefacts import ModelDescription
from components.evaluation.comparing.statistics import Bootstrap
from components.evaluation.comparing.summary import bootstrap_of
from components.evaluation.parity import Parity
from components.intake.sides.relatives import Key
from components.intake.sides.sources import Sources
from components.params import GateParams, Params
from components.promptable.calibration import Calibration
from components.release.checks.recount import Recount


@dataclass(frozen=True)
class Evidence:
    """All that a verdict rests on.

    `cases` and `external_cases` are the validations' tables; `internal` and `external` the names of the run's
    datasets of each role. `faults` holds each dataset's faults (None where its data were never judged); `leak` what
    was found on both sides of a boundary, if anything; `split_digest` the split's md5, as provenance states it.
    `sources` says which datasets hold the same patients. `judged_by` is the digest of the parameters that judge, as in
    provenance. `champion` is the digest of the model in use, if there is
    one. `real_images` counts the real images of the split, `off_record` names those whose sides aren't on record.
    `metrics` is the internal validation's `metrics.json`, `package` the record of what was built and tried,
    `package_changes` how what would be released differs from that and from the model that is judged, `documents` the
    list of the run's documents and `document_files` the sha256 of each that it names (None where there is no such
    file). `calibration` is what would be released with the model, if anything that is its own.
    `recounts` tells by side (`internal`, `external`) what in the tables isn't so, `teacher` is the teacher's digest
    (None where its folder isn't there). `broken` says what is wrong with the model folder, if it can't be loaded.
    """

    description: ModelDescription
    model_folder: Path
    cases: pd.DataFrame
    external_cases: pd.DataFrame
    internal: tuple[str, ...]
    external: tuple[str, ...]
    faults: Mapping[str, Sequence[Mapping[str, Any]] | None]
    leak: str | None
    split_digest: str
    judged_by: str
    champion: str | None
    parity: Parity
    sources: Sources
    real_images: int
    off_record: tuple[Key, ...]
    metrics: Mapping[str, Any]
    package: Mapping[str, Any] | None
    package_changes: tuple[str, ...]
    documents: Mapping[str, Any] | None
    document_files: Mapping[str, str | None]
    calibration: Calibration | None
    recounts: Mapping[str, Recount]
    teacher: str | None
    broken: str | None


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits and margins (declared in `params.yaml` before training), how intervals are made, from how many groups on a
    subgroup is judged, and which of people's statements the documents must hold."""

    limits: GateParams
    bootstrap: Bootstrap
    subgroup_min_groups: int
    required: tuple[str, ...]

    @classmethod
    def of(cls, params: Params) -> Rules:
        """The rules that the parameters declare."""
        evaluate = params.evaluate
        return cls(params.gate, bootstrap_of(evaluate), evaluate.subgroup_min_groups, params.document.required)


def part(value: Any) -> Mapping[str, Any]:
    """A part of a report; empty where it is none."""
    return value if isinstance(value, Mapping) else {}
