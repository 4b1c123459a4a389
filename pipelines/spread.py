"""The teacher to `models/spread`: sister students, distilled as `distil` does but for the seed; none unless asked for.

How far their results lie apart is what the distillation's seed alone does: the student's first weights, the order of
the images, their augmentation and prompts. The teacher, the split and all other parameters are the candidate's. A
sister that is finished isn't trained again when seeds are added or dropped; an interrupted one goes on from its
checkpoint.
Leaves out: the spread of the teacher's own training, and any use of what comes out (validate_internal, gate).
"""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.artefacts import WEIGHTS, read_description, sha256_of, write_json
from components.errors import ArtefactError
from components.params import SpreadParams
from pipelines.runtime.stage import Job, stage
from pipelines.runtime.steps import step

if TYPE_CHECKING:
    from components.types import Record

# Those of distil, and the seeds; spelt out, as importing distil takes seconds and mostly there is nothing to do.
PARAMS = (
    "model",
    "prompts.min_area_px",
    "prompts.train",
    "prompts.evaluate.jitter",
    "prompts.evaluate.seed",
    "augment",
    "student",
    "distil",
    "spread",
)
DATA = ("data/02_harmonised/internal", "data/03_splits/internal.csv", "models/teacher")
FOLDER = Path("models/spread")
LIST, TRAINING = "spread.json", "training.json"
SCHEMA = 1

log = logging.getLogger(__name__)


@step(timeout_s=600, retries=2)
def drop_others(job: Job) -> None:
    """Delete what an earlier run left of seeds that are no longer asked for, and of writes that were cut off."""
    (job.root / FOLDER).mkdir(parents=True, exist_ok=True)
    wanted = {LIST, *map(str, job.params.spread.seeds)}
    for place in (job.root / FOLDER, job.scratch):
        for path in [found for found in place.iterdir() if found.name not in wanted]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@step(timeout_s=600, retries=2)
def read_records(job: Job) -> tuple[list[Record], list[Record]]:
    """Read the records of train and val."""
    from pipelines.training import sides_of

    return sides_of(job.root, least_px=job.params.prompts.min_area_px, who=job.stage)


@step(timeout_s=14 * 24 * 3600)
def train_sister(job: Job, records: tuple[list[Record], list[Record]], seed: int) -> dict[str, Any]:
    """Distil one sister, unless it is there already; returns what spread.json says of it."""
    from components.teacher.build import load_teacher
    from pipelines.distil import TEACHER, build, learn, write_student
    from pipelines.training import Curve, clear_scratch, conclude, fingerprint, fit_anywhere

    sister, folder = sister_job(job, seed), job.root / FOLDER / str(seed)
    # Both bring their modules along, which the fingerprint reads: here, before it is taken.
    student = build.function(sister)
    teacher, _ = load_teacher(job.root / TEACHER)
    key = fingerprint(sister)
    known = finished(folder, key)
    if known is not None:
        log.info("the student of seed %d is there already", seed)
        return known
    log.info("distilling the student of seed %d", seed)
    sister.scratch.mkdir(parents=True, exist_ok=True)
    curve = Curve(sister, key, under=f"seed_{seed}/")
    result = fit_anywhere(
        sister,
        lambda key, report: learn(sister, student, teacher, records, key=key, report=report),
        curve,
        how=sister.params.distil,
        module="pipelines.distil",
        key=key,
    )
    described = write_student(sister, student, records[0], folder)
    conclude(sister, result, curve, train=records[0], val=records[1], path=folder / f"seed_{seed}.csv")
    row = {"seed": seed, "digest": described.digest, "val_dice": result.best_dice, "epochs": result.epochs}
    write_json(folder / TRAINING, {"fingerprint": key, "sister": row})
    clear_scratch(sister)
    return row


def sister_job(job: Job, seed: int) -> Job:
    """The job of distilling with another seed: nothing in it says which other seeds there are."""
    distil = job.params.distil.model_copy(update={"seed": seed})
    return replace(
        job,
        params=job.params.model_copy(update={"distil": distil, "spread": SpreadParams()}),
        provenance=job.provenance.model_copy(update={"seeds": {"distil.seed": seed}}),
        scratch=job.scratch / str(seed),
    )


def finished(folder: Path, key: str) -> dict[str, Any] | None:
    """What spread.json says of a sister that was trained by these data, parameters and code; None if there is none."""
    weights = folder / WEIGHTS
    if not (folder / TRAINING).is_file() or not weights.is_file():
        return None
    try:
        kept = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
        row: dict[str, Any] = {name: kept["sister"][name] for name in ("seed", "digest", "val_dice", "epochs")}
        known = kept["fingerprint"] == key and sha256_of(weights) == row["digest"] == read_description(folder).digest
    except (ValueError, LookupError, TypeError, ArtefactError) as error:
        log.warning("%s can't be read (%s: %s): that student is trained again", folder, type(error).__name__, error)
        return None
    return row if known else None


@step(timeout_s=600, retries=2)
def write(job: Job, sisters: list[dict[str, Any]]) -> None:
    """Write the list of sisters, which is empty where none were asked for."""
    found = {"schema": SCHEMA, "candidate_seed": job.params.distil.seed, "sisters": sisters}
    write_json(job.root / FOLDER / LIST, found)
    job.run.log_artifact(job.root / FOLDER / LIST)


@stage(params=PARAMS, data=DATA, seeds=("distil.seed",), timeout_s=60 * 24 * 3600, on_gpu=True)
def spread(job: Job) -> None:
    """Distil a sister student for each further seed."""
    drop_others(job)
    seeds = job.params.spread.seeds
    records = read_records(job) if seeds else ([], [])
    write(job, [train_sister(job, records, seed) for seed in seeds])


if __name__ == "__main__":
    spread.main()
