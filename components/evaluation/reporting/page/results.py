"""The files that a run left behind to what page and pull request are written from.

Leaves out: every word and picture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from components.artefacts import DESCRIPTION, ModelDescription, read_description, sha256_of
from components.evaluation.baselines import BASELINES
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.reporting.words import CASES, METRICS, PROMPT_MEANS
from components.intake.form.records import read_manifests
from components.types import Record, Role

ROLES: tuple[Role, ...] = ("internal", "external")
STUDENT = Path("models/student")
OURS = (SUBJECT, "teacher", "champion")
_BY_KIND, _BY_WHO = ("prompts", "confidence"), ("jitter_curve", "false_regions")


@dataclass(frozen=True)
class Tested:
    """One dataset of a validation: its name and role, its part of `metrics.json`, that file, its cases and images."""

    name: str
    role: Role
    found: Mapping[str, Any]
    metrics: Mapping[str, Any]
    cases: pd.DataFrame
    records: Mapping[str, Record]


@dataclass(frozen=True)
class Results:
    """What a run came to: both validations' datasets in order, verdict, promotion, package and documents.

    `files` holds the sha256 of each file read, by its path in the project.
    """

    metrics: Mapping[Role, Mapping[str, Any]]
    tested: tuple[Tested, ...]
    gate: Mapping[str, Any]
    promotion: Mapping[str, Any]
    package: Mapping[str, Any]
    documents: Mapping[str, Any]
    description: ModelDescription
    files: Mapping[str, str]

    @property
    def phantom(self) -> bool:
        """Whether any image, or the student's training, was a phantom's."""
        return any(bool(metrics["phantom"]) for metrics in self.metrics.values())

    @property
    def confidence(self) -> float:
        """The confidence of all intervals."""
        return float(self.metrics["internal"]["confidence"])


def read_results(root: Path) -> Results:
    """Read what the stages before the report wrote in the project at `root`.

    Raises
    ------
    ArtefactError
        If the student's folder is incomplete.
    LayoutError
        If a manifest is missing or damaged.
    """
    read: dict[str, str] = {}

    def load(path: Path) -> Any:
        read[path.as_posix()] = sha256_of(root / path)
        return json.loads((root / path).read_text(encoding="utf-8"))

    metrics: dict[Role, Mapping[str, Any]] = {}
    tested: list[Tested] = []
    for role in ROLES:
        folder = Path("reports") / role
        metrics[role] = load(folder / METRICS)
        read[(folder / CASES).as_posix()] = sha256_of(root / folder / CASES)
        tested += _tested(role, metrics[role], pd.read_parquet(root / folder / CASES), root)
    read[(STUDENT / DESCRIPTION).as_posix()] = sha256_of(root / STUDENT / DESCRIPTION)
    return Results(
        metrics=metrics,
        tested=tuple(tested),
        gate=load(Path("reports/gate.json")),
        promotion=load(Path("reports/promotion.json")),
        package=load(Path("reports/package.json")),
        documents=load(Path("reports/document/documents.json")),
        description=read_description(root / STUDENT),
        files=read,
    )


def _tested(role: Role, metrics: Mapping[str, Any], cases: pd.DataFrame, root: Path) -> Iterator[Tested]:
    records = read_manifests(root / "data/02_harmonised" / role) if metrics["datasets"] else {}
    for name, found in metrics["datasets"].items():
        by_image = {record.image_id: record for record in records[name]}
        yield Tested(name, role, in_order(found), metrics, cases[cases["dataset"] == name], by_image)


def in_order(found: Mapping[str, Any]) -> dict[str, Any]:
    """A dataset of `metrics.json`, whose file sorts by name, with prompts and contenders as they are told: ours first,
    others, then what needs no learning."""

    def place(who: str) -> tuple[int, int]:
        if who in OURS:
            return 0, OURS.index(who)
        return (2, list(BASELINES).index(who)) if who in BASELINES else (1, 0)

    def by_who(values: Mapping[str, Any]) -> dict[str, Any]:
        return {who: values[who] for who in sorted(values, key=place)}

    kinds = list(PROMPT_MEANS)
    ordered = {
        key: {kind: by_who(found[key][kind]) for kind in sorted(found[key], key=kinds.index)}
        for key in _BY_KIND
        if key in found
    }
    return {**found, **ordered, **{key: by_who(found[key]) for key in _BY_WHO if key in found}}


def main_prompt(one: Tested, asked: str) -> str | None:
    """The kind of prompt that a dataset is told by: the one asked for, else its first; None where it has none."""
    kinds = list(one.found["prompts"])
    return asked if asked in kinds else next(iter(kinds), None)
