"""The student and the validation side of the split to `models/calibration`: confidence, when to abstain, the guard.

Beside them stands what served traffic is held against (`reference.json`). The test side is never read. Leaves out: how
well this does on test images (validate_internal).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from components.artefacts import ModelDescription, replacing_folder
from components.evaluation.calibrating.calibrate import calibrate as fit
from components.evaluation.calibrating.reference import build_reference
from components.intake.form.records import read_split
from components.promptable.calibration import Calibration, write_calibration
from components.promptable.predict import pick_device, pin_threads
from components.promptable.reference import Reference, write_reference
from components.promptable.segmenter import Segmenter
from components.students import load_student
from components.types import Record
from pipelines.runtime.stage import Job, Progress, stage
from pipelines.runtime.steps import step
from pipelines.training import SPLIT, records_of

PARAMS = ("prompts.min_area_px", "prompts.evaluate.jitter", "prompts.evaluate.seed", "calibrate")
DATA = ("data/02_harmonised/internal", "data/03_splits/internal.csv", "models/student")
MODEL = Path("models/calibration")

log = logging.getLogger(__name__)


@step(timeout_s=600, retries=2)
def read_records(job: Job) -> tuple[list[Record], list[Record]]:
    """Read the records of train and val, with the split's groups, which join relatives that no manifest knows."""
    split = read_split(job.root / SPLIT)
    columns = (split[name].astype(str) for name in ("dataset", "image_id", "group"))
    groups = {(dataset, image_id): group for dataset, image_id, group in zip(*columns, strict=True)}
    train, val = (
        [replace(one, group=groups[one.dataset, one.image_id]) for one in records_of(job.root, side)]
        for side in ("train", "val")
    )
    return train, val


@step(timeout_s=600, retries=2)
def load(job: Job) -> tuple[Segmenter, ModelDescription]:
    """Load the student."""
    pin_threads()
    student, description = load_student(job.root / "models/student")
    return student.to(pick_device()), description


@step(timeout_s=24 * 3600)
def fit_all(
    job: Job, model: tuple[Segmenter, ModelDescription], records: tuple[list[Record], list[Record]]
) -> Calibration:
    """Fit map, threshold and guard."""
    student, description = model
    return fit(
        student,
        digest=description.digest,
        train=records[0],
        val=records[1],
        prompts=job.params.prompts,
        params=job.params.calibrate,
        progress=Progress("images looked at"),
    )


@step(timeout_s=24 * 3600)
def describe(
    job: Job,
    model: tuple[Segmenter, ModelDescription],
    records: tuple[list[Record], list[Record]],
    calibration: Calibration,
) -> Reference:
    """Describe the validation side as the service will describe its traffic."""
    prompts, params = job.params.prompts, job.params.calibrate
    progress = Progress("images described")
    return build_reference(model[0], calibration, records[1], prompts=prompts, params=params, progress=progress)


@stage(params=PARAMS, data=DATA, seeds=("prompts.evaluate.seed",), timeout_s=2 * 24 * 3600, on_gpu=True)
def calibrate(job: Job) -> None:
    """Calibrate the student's confidence, and fit the guard."""
    model, records = load(job), read_records(job)
    calibration = fit_all(job, model, records)
    reference = describe(job, model, records, calibration)
    with replacing_folder(job.root / MODEL) as beside:
        job.run.log_artifact(write_calibration(beside, calibration))
        job.run.log_artifact(write_reference(beside, reference))
    how = calibration.how
    log.info("%s", how.told)
    job.run.log_metrics({"threshold": calibration.threshold, "kept_share": how.kept_share, "val_groups": how.groups})
    job.run.log_metrics(
        {"ece_before": how.ece_before} | ({} if how.ece_after is None else {"ece_after": how.ece_after})
    )


if __name__ == "__main__":
    calibrate.main()
