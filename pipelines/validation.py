"""What the two validations share: the models and peers under test, and a result to its folder, run record and terminal.

The model in use is whichever the ledger names when the stage runs. It is no dependency: every promotion would make the
validations before it stale. Leaves out: which images are scored (validate_internal, validate_external).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from components.artefacts import ModelDescription, sha256_of
from components.errors import ArtefactError
from components.evaluation.comparing.flat import flat_means
from components.evaluation.comparing.seeds import SISTER
from components.evaluation.peers import load_peer
from components.evaluation.reporting.report import write_validation
from components.evaluation.scoring.cases import Contender
from components.evaluation.validate import ValidationResult, finish
from components.evaluation.validate import validate as score_models
from components.promptable.calibration import CALIBRATION, read_calibration
from components.promptable.predict import pick_device, pin_threads
from components.promptable.segmenter import Segmenter
from components.release.records.ledger import LEDGER, read_ledger
from components.release.records.released import released_model
from components.students import load_student
from components.teacher.build import load_teacher
from components.types import Record, Role
from components.unet import predict as unet_predict
from components.unet.model_folder import load_unet
from components.unet.network import BoxUnet
from pipelines.runtime.stage import Job, Progress
from pipelines.runtime.steps import step


@step(timeout_s=600, retries=2)
def load_contenders(job: Job, roles: Sequence[str]) -> dict[str, Contender]:
    """Load the student, the peers, and of `roles`: `teacher`, `champion` (the model in use, unless it is the student),
    `unet_box`, and `sisters` (students of other seeds, which come last).

    Peers are loaded first, so that weights that aren't there are said before anything else is read.
    """
    pin_threads()
    device = pick_device()
    named = job.params.evaluate.peers.items()
    peers = {who: load_peer(who, params, root=job.root, device=device) for who, params in named}
    student = _of_segmenter(*load_student(job.root / "models/student"), device)
    models = {"student": _calibrated(student, job.root / "models/calibration")}
    if "teacher" in roles:
        models["teacher"] = _of_segmenter(*load_teacher(job.root / "models/teacher"), device)
    in_use = read_ledger(job.root / LEDGER).champion if "champion" in roles else None
    if in_use is not None and in_use != models["student"].digest:
        released = released_model(job.root, in_use)
        models["champion"] = _calibrated(_of_segmenter(*load_student(released), device), released)
    if "unet_box" in roles:
        models["unet_box"] = _of_unet(*load_unet(job.root / "models/unet"), device)
    return models | peers | (_sisters(job.root, device) if "sisters" in roles else {})


def _of_segmenter(segmenter: Segmenter, description: ModelDescription, device: torch.device) -> Contender:
    return Contender(
        segmenter.to(device),
        description.digest,
        description.name,
        description.phantom,
        description.exposure,
        seed=description.provenance.get("seeds", {}).get("distil.seed"),
    )


def _calibrated(contender: Contender, folder: Path) -> Contender:
    """The contender with the calibration in a folder, which must be its own; a folder without one changes nothing."""
    calibration = read_calibration(folder, model_digest=contender.digest)
    if calibration is None:
        return contender
    return replace(contender, calibration=calibration, calibration_sha256=sha256_of(folder / CALIBRATION))


def _of_unet(network: BoxUnet, description: ModelDescription, device: torch.device) -> Contender:
    return Contender(
        network.to(device),
        description.digest,
        description.name,
        description.phantom,
        description.exposure,
        predictor=unet_predict,
        needs_box=True,
    )


def _sisters(root: Path, device: torch.device) -> dict[str, Contender]:
    """The students of other seeds that the stage `spread` lists, by role.

    Raises
    ------
    ArtefactError
        If a folder isn't the one that the list names.
    """
    found = {}
    for sister in _listed(root / "models/spread/spread.json"):
        folder = root / "models/spread" / str(sister["seed"])
        contender = _of_segmenter(*load_student(folder), device)
        if (contender.digest, contender.seed) != (sister["digest"], sister["seed"]):
            raise ArtefactError(
                f"{folder} holds the student {contender.digest[:12]} of seed {contender.seed}",
                expected=f"{sister['digest'][:12]} of seed {sister['seed']}, as spread.json says",
                remedy="restore the folder: `dvc checkout`, or train again: `dvc repro --force spread`",
            )
        found[f"{SISTER}{sister['seed']}"] = contender
    return found


def _listed(path: Path) -> list[dict[str, Any]]:
    """The sisters that spread.json lists, each with at least `seed` and `digest`."""
    try:
        sisters = json.loads(path.read_text(encoding="utf-8"))["sisters"]
        return [{"seed": sister["seed"], "digest": sister["digest"]} for sister in sisters]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ArtefactError(
            f"{path} lists no students of other seeds ({type(error).__name__}: {error})",
            expected="the stage spread's list, as it wrote it",
            remedy="write it again: `dvc repro --force spread`; finished students are kept",
        ) from None


@step(timeout_s=7 * 24 * 3600)
def score(job: Job, records: Sequence[Record], models: dict[str, Contender]) -> ValidationResult:
    """Score all models on all images; takes up the rows of an interrupted run."""
    return score_models(
        records,
        models=models,
        prompts=job.params.prompts,
        params=job.params.evaluate,
        device=str(pick_device()),
        partial=job.scratch / "rows",
        engine=job.engine,
        progress=Progress("images scored"),
    )


@step(timeout_s=3600, retries=2)
def write(job: Job, result: ValidationResult, role: Role) -> Path:
    """Write the report's folder, and only then drop what was kept for resuming."""
    folder = job.root / "reports" / role
    write_validation(folder, result, role=role, figure_cases=job.params.evaluate.figure_cases)
    finish(job.scratch / "rows")
    return folder


def record(job: Job, result: ValidationResult, folder: Path) -> None:
    """Tell the tracking run: every mean as a metric, and the whole folder."""
    job.run.log_metrics(flat_means(result.metrics))
    job.run.log_artifact(folder, under=folder.name)
