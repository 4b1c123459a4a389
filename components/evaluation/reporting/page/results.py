"""The files that a run left behind to what page and pull request are written from.

Leaves out: every word and picture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from components.artefacts import DESCRIPTION, ModelDescription, read_description, sha256_of
from components.errors import ArtefactError
from components.evaluation.baselines import BASELINES
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.reporting.words import CASES, METRICS, PROMPT_MEANS
from components.intake.form.records import read_manifests
from components.types import Record, Role

ROLES: tuple[Role, ...] = ("internal", "external")
STUDENT = Path("models/student")
OURS = (SUBJECT, "teacher", "champion")
VERDICTS = ("PASS", "FAIL", "INSUFFICIENT")
ACTIONS = ("promoted", "refused", "already champion", "rolled back")
CHECK = {"id", "verdict", "value", "limit", "reason"}
DATASET = {"prompts", "differences", "subgroups", "phantom", "cases", "images", "groups", "images_without_case"}
NEEDED: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    METRICS: {
        "datasets": dict,
        "models": dict,
        "model": dict,
        "phantom": bool,
        "confidence": float,
        "nsd_tolerance": dict,
        "min_groups": int,
        "subgroup_min_groups": int,
    },
    "gate.json": {"verdict": str, "checks": list},
    "promotion.json": {"action": str, "from": (str, type(None))},
    "package.json": {
        "parity": dict,
        "latency_ms": dict,
        "unsafe_files": list,
        "start_s": (int, float),
        "peak_memory_mb": (int, float),
        "files": dict,
        "bento": str,
        "machine": dict,
    },
    "documents.json": {"documents": list},
}
"""What the report tells of each file, by its name; a file that lacks any of it is refused before a word is written."""
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
        If the student's folder is incomplete, or a file is missing, cut or lacks what the report tells.
    LayoutError
        If a manifest is missing or damaged.
    """
    read: dict[str, str] = {}

    def load(path: Path) -> Any:
        found = _read(root / path, path, NEEDED[path.name])
        read[path.as_posix()] = sha256_of(root / path)
        return found

    metrics: dict[Role, Mapping[str, Any]] = {}
    tested: list[Tested] = []
    for role in ROLES:
        folder = Path("reports") / role
        metrics[role] = load(folder / METRICS)
        cases = _read_cases(root / folder / CASES, folder / CASES)
        read[(folder / CASES).as_posix()] = sha256_of(root / folder / CASES)
        tested += _tested(role, metrics[role], cases, root)
    read[(STUDENT / DESCRIPTION).as_posix()] = sha256_of(root / STUDENT / DESCRIPTION)
    gate, promotion = load(Path("reports/gate.json")), load(Path("reports/promotion.json"))
    _known(gate["verdict"], VERDICTS, "reports/gate.json: verdict")
    for check in gate["checks"]:
        if not isinstance(check, dict) or not set(check) >= CHECK:
            raise _unfit("reports/gate.json: a check", f"an object with {', '.join(sorted(CHECK))}")
        _known(check["verdict"], VERDICTS, f"reports/gate.json: verdict of {check['id']}")
    _known(promotion["action"], ACTIONS, "reports/promotion.json: action")
    return Results(
        metrics=metrics,
        tested=tuple(tested),
        gate=gate,
        promotion=promotion,
        package=load(Path("reports/package.json")),
        documents=load(Path("reports/document/documents.json")),
        description=read_description(root / STUDENT),
        files=read,
    )


def _unfit(found: str, expected: str) -> ArtefactError:
    return ArtefactError(f"{found} can't be told", expected=expected, remedy="run its stage again: `dvc repro`")


def _known(found: Any, known: Sequence[str], where: str) -> None:
    if found not in known:
        raise _unfit(f"{where} {found!r}", f"one of {', '.join(known)}")


def _read(path: Path, name: Path, needed: Mapping[str, type | tuple[type, ...]]) -> Any:
    """A file of JSON that holds an object with what is needed of it, each of its type."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unfit(f"{name}: {type(error).__name__}; it", "a whole file of JSON") from None
    expected = f"an object that holds {', '.join(needed)}, each of its type"
    if not isinstance(found, dict):
        raise _unfit(f"{name}: a {type(found).__name__}; it", expected)
    wrong = [key for key, kind in needed.items() if key not in found or not isinstance(found[key], kind)]
    if wrong:
        raise _unfit(f"{name}: {', '.join(wrong)} missing or of another type; it", expected)
    return found


def _read_cases(path: Path, name: Path) -> pd.DataFrame:
    try:
        cases = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise _unfit(f"{name}: {type(error).__name__}; it", "a whole Parquet file") from None
    if lacking := {"dataset", "model", "prompt", "case_id", "image_id", "dice", "label"} - set(cases.columns):
        raise _unfit(f"{name}: no columns {', '.join(sorted(lacking))}; it", "the cases of a validation")
    return cases


def _tested(role: Role, metrics: Mapping[str, Any], cases: pd.DataFrame, root: Path) -> Iterator[Tested]:
    records = read_manifests(root / "data/02_harmonised" / role) if metrics["datasets"] else {}
    for name, found in metrics["datasets"].items():
        if name not in records:
            raise _unfit(f"reports/{role}/{METRICS}: {name}, which isn't harmonised,", "datasets of data/02_harmonised")
        lacking = DATASET - set(found) if isinstance(found, dict) else DATASET
        if lacking:
            raise _unfit(
                f"reports/{role}/{METRICS}: {name} lacks {', '.join(sorted(lacking))}; it", "a dataset's whole results"
            )
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
