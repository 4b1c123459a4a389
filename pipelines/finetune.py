"""The training side of the split to `models/teacher`: SAM2 with CH-Adapters, fine-tuned on ultrasound.

Takes up the last checkpoint of an interrupted run. Leaves out: the student (distil).
"""

from __future__ import annotations

import logging
from pathlib import Path

from components.params import TeacherParams
from components.promptable.adapter import adapter_config
from components.promptable.model_folder import save_segmenter
from components.promptable.segmenter import Segmenter
from components.teacher.base_weights import pretraining_exposure
from components.teacher.build import build_teacher, teacher_trunk
from components.training.finetune import finetune as train_teacher
from components.training.loop import FitResult, Report
from components.types import Record
from pipelines.runtime.stage import Job, stage
from pipelines.runtime.steps import step
from pipelines.training import PROMPTS, Place, fit_with_curve, leave_model, read_records

PARAMS = ("model", *PROMPTS, "augment", "teacher", "finetune")
DATA = ("data/02_harmonised/internal", "data/03_splits/internal.csv")
MODEL = Path("models/teacher")

log = logging.getLogger(__name__)


@step(timeout_s=6 * 3600, retries=3)
def build(job: Place) -> Segmenter:
    """Build the teacher on its base weights, which are downloaded where they must be."""
    params = job.params
    folder = job.root / "data/base_weights"
    return build_teacher(params.teacher, model=params.model, seed=params.finetune.seed, base_folder=folder)


@step(timeout_s=14 * 24 * 3600)
def train(job: Job, teacher: Segmenter, records: tuple[list[Record], list[Record]]) -> FitResult:
    """Train from wherever an interrupted run left it; the teacher ends with its best weights."""
    return fit_with_curve(
        job,
        records,
        lambda key, report: fit(job, teacher, records, key=key, report=report),
        how=job.params.finetune,
    )


def fit(
    place: Place, teacher: Segmenter, records: tuple[list[Record], list[Record]], *, key: str, report: Report
) -> FitResult:
    """Fine-tune as the parameters say, with the checkpoint in the place's scratch; one of several processes does so,
    too."""
    return train_teacher(
        teacher,
        *records,
        place.params.finetune,
        prompts=place.params.prompts,
        augment=place.params.augment,
        checkpoint_folder=place.scratch,
        fingerprint=key,
        report=report,
    )


@step(timeout_s=600, retries=2)
def save(job: Job, teacher: Segmenter, params: TeacherParams, records: list[Record]) -> str:
    """Write the model folder; returns the digest of its weights."""
    description = save_segmenter(
        job.root / MODEL,
        teacher,
        kind="teacher",
        name=params.hiera,
        trunk=teacher_trunk(params),
        adapter=adapter_config(params.adapter),
        phantom=any(record.phantom for record in records),
        base=params.base,
        trained_on=tuple(sorted({record.dataset for record in records})),
        pretraining_exposure=pretraining_exposure(params),
        provenance=job.provenance.lasting(),
    )
    return description.digest


@stage(params=PARAMS, data=DATA, seeds=("finetune.seed",), timeout_s=15 * 24 * 3600, on_gpu=True)
def finetune(job: Job) -> None:
    """Fine-tune the teacher."""
    records = read_records(job)
    teacher = build(job)
    train(job, teacher, records)
    digest = save(job, teacher, job.params.teacher, records[0])
    leave_model(job, MODEL, digest)


if __name__ == "__main__":
    finetune.main()
