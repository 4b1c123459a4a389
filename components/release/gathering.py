"""A project's files to the evidence about a candidate.

Leaves out: what the evidence amounts to (components/release/checks, gate.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd

from components.artefacts import DESCRIPTION, WEIGHTS, read_description, sha256_of
from components.errors import ArtefactError, LeakError
from components.evaluation.parity import Parity, golden_parity
from components.evaluation.validate import select_test
from components.intake.form.records import read_manifests, read_split
from components.intake.sides.apart import check_apart
from components.intake.sides.record import SIDES, not_on_record, read_sides, sides_by_key
from components.intake.sides.sources import read_sources
from components.journal import Journal
from components.listing import differences, list_files, model_files
from components.params import EvaluateParams, Params, PromptKind, PromptParams
from components.promptable.calibration import Calibration, read_calibration
from components.release.checks.data import SPLIT
from components.release.checks.evidence import Evidence
from components.release.checks.recount import recount
from components.release.packing.packaged import CANDIDATE, GOLDEN, PACKAGE, read_package
from components.students import load_student
from components.tables import read_table
from components.tracking import judging_digest
from components.types import Record

TEACHER = Path("models/teacher")
DOCUMENTS = Path("reports/document/documents.json")


def gather(
    root: Path,
    *,
    model: Path,
    internal: Sequence[str],
    external: Sequence[str],
    champion: str | None,
    params: Params,
    device: str = "cpu",
    workers: int = 1,
    proofs: Journal | None = None,
) -> Evidence:
    """Read the evidence about a student from a project's files.

    `model` is its folder, `internal` and `external` the names of the run's datasets, `champion` the digest of the
    model in use; `params` are those by which the tables were made. The saved model is loaded and compared with the
    masks that were scored, on `device`, which should be the one that they were scored on. `workers` threads look for
    near copies; pairs that `proofs` holds under the stamp of `proof_stamp` aren't compared again.

    Raises
    ------
    ArtefactError
        If the model's description can't be read.
    ReleaseError
        If the package's record was altered.
    LayoutError
        If manifests, scored cases, the split, its `sources.json` or the record of sides are missing or damaged.
    """
    description, documents = read_description(model), _report(root / DOCUMENTS)
    cases = read_table(root / "reports/internal/cases.parquet", stage="validate_internal")
    inner = _records(root / "data/02_harmonised/internal", internal)
    outer = _records(root / "data/02_harmonised/external", external)
    split = read_split(root / SPLIT)
    outside = read_table(root / "reports/external/cases.parquet", stage="validate_external")
    asked: _Asked = {
        "prompts": params.prompts,
        "evaluate": params.evaluate,
        "skill_prompt": params.gate.skill_prompt,
    }
    parity, broken = try_model(model, cases, inner, device)
    package = read_package(root / PACKAGE).model_dump(mode="json") if (root / PACKAGE).is_file() else None
    return Evidence(
        description=description,
        model_folder=model,
        cases=cases,
        external_cases=outside,
        internal=tuple(internal),
        external=tuple(external),
        faults={name: _faults(root, name) for name in (*internal, *external)},
        leak=_leak(root, inner, outer, workers, proofs),
        split_digest=f"md5:{hashlib.md5((root / SPLIT).read_bytes(), usedforsecurity=False).hexdigest()}",
        judged_by=judging_digest(root / "params.yaml"),
        champion=champion,
        parity=parity,
        sources=read_sources(root / "data/03_splits/sources.json"),
        real_images=sum(not record.phantom for record in inner),
        off_record=not_on_record(sides_by_key(split), inner, read_sides(root / SIDES)),
        metrics=_report(root / "reports/internal/metrics.json") or {},
        package=package,
        package_changes=(*package_changes(root / CANDIDATE, package), *unlike(model, root / CANDIDATE, package)),
        documents=documents,
        document_files=_document_files(root, documents),
        calibration=_calibration(root / CANDIDATE, description.digest),
        recounts={
            "internal": recount(cases, on_test_side(inner, split), **asked),
            "external": recount(outside, outer, **asked),
        },
        teacher=_digest(root / TEACHER),
        broken=broken,
    )


def try_model(model: Path, cases: pd.DataFrame, records: Sequence[Record], device: str) -> tuple[Parity, str | None]:
    """The saved model's masks beside the scored ones; or why it can't be loaded."""
    try:
        segmenter, _ = load_student(model)
    except ArtefactError as error:
        # Where the project stands on this machine says nothing about the model.
        return Parity(0, 0.0), error.found.replace(f"{model}/", "")
    return golden_parity(cases, records, segmenter.to(device)), None


class _Asked(TypedDict):
    """By what the prompts were drawn and the masks scored."""

    prompts: PromptParams
    evaluate: EvaluateParams
    skill_prompt: PromptKind


def on_test_side(records: Sequence[Record], split: pd.DataFrame) -> list[Record]:
    """The records of the test side, each with the split's group, as they were scored: `select_test` without its refusal
    of leaks, which are evidence here."""
    test = split[split["split"] == "test"]
    groups = dict(zip(zip(test["dataset"], test["image_id"], strict=True), test["group"], strict=True))
    placed = ((groups.get((record.dataset, record.image_id)), record) for record in records)
    return [replace(record, group=str(group)) for group, record in placed if group is not None]


def _digest(folder: Path) -> str | None:
    try:
        return read_description(folder).digest
    except ArtefactError:
        return None


def _report(path: Path) -> dict[str, Any] | None:
    """A report's content; None where there is none, or it isn't one: nothing is known then."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def package_changes(candidate: Path, package: Mapping[str, Any] | None) -> tuple[str, ...]:
    """How the files that would be released differ from those that were built and tried."""
    if package is None:
        return ()
    built = model_files(package.get("files") or {})
    there = {name: digest for name, digest in list_files(candidate).items() if not name.startswith(f"{GOLDEN}/")}
    return tuple(differences(there, built))


def unlike(model: Path, candidate: Path, package: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Which of weights and description that would be released aren't those of the model that is judged."""
    if package is None:
        return ()
    pairs = ((name, model / name, candidate / name) for name in (WEIGHTS, DESCRIPTION))
    return tuple(
        f"{name} isn't the judged model's"
        for name, ours, shipped in pairs
        if shipped.is_file() and (not ours.is_file() or sha256_of(ours) != sha256_of(shipped))
    )


def _document_files(root: Path, documents: Mapping[str, Any] | None) -> dict[str, str | None]:
    listed = [one.get("path") for one in (documents or {}).get("documents") or () if isinstance(one, dict)]
    paths = [path for path in listed if isinstance(path, str)]
    return {path: sha256_of(root / path) if (root / path).is_file() else None for path in paths}


def _calibration(candidate: Path, digest: str) -> Calibration | None:
    try:
        return read_calibration(candidate, model_digest=digest)
    except ArtefactError:
        return None


def _records(folder: Path, names: Sequence[str]) -> list[Record]:
    return [record for name, records in read_manifests(folder).items() if name in names for record in records]


def _faults(root: Path, name: str) -> list[dict[str, Any]] | None:
    path = root / "reports/data" / name / "faults.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    faults: list[dict[str, Any]] = found["faults"] if isinstance(found, dict) else found
    return faults


def _leak(
    root: Path, internal: Sequence[Record], external: Sequence[Record], workers: int, proofs: Journal | None
) -> str | None:
    try:
        select_test(internal, read_split(root / SPLIT))
        check_apart(external, internal, workers=workers, journal=proofs)
    except LeakError as error:
        return error.found
    return None
