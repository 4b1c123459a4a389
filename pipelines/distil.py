"""The teacher and the training side of the split to `models/student`: deep-supervised knowledge distillation.

Takes up the last checkpoint of an interrupted run. Leaves out: the teacher's own training (finetune).
"""

from __future__ import annotations

import logging
from pathlib import Path

from components.artefacts import ModelDescription, read_description
from components.promptable.model_folder import save_segmenter
from components.promptable.segmenter import Segmenter
from components.students import build_student, student_adapter, student_trunk
from components.teacher.build import load_teacher
from components.training.distil import distil as train_student
from components.training.loop import FitResult, Report
from components.types import Record
from pipelines.runtime.stage import Job, stage
from pipelines.runtime.steps import step
from pipelines.training import PROMPTS, Place, fit_with_curve, leave_model, read_records

PARAMS = ("model", *PROMPTS, "augment", "student", "distil")
DATA = ("data/02_harmonised/internal", "data/03_splits/internal.csv", "models/teacher")
MODEL = Path("models/student")
TEACHER = Path("models/teacher")

log = logging.getLogger(__name__)


@step(timeout_s=600, retries=2)
def build(job: Place) -> Segmenter:
    """Build the student with random weights."""
    params = job.params
    return build_student(params.student, model=params.model, seed=params.distil.seed)


@step(timeout_s=14 * 24 * 3600)
def train(job: Job, student: Segmenter, records: tuple[list[Record], list[Record]]) -> FitResult:
    """Train from wherever an interrupted run left it; the student ends with its best weights."""
    teacher, _ = load_teacher(job.root / TEACHER)
    return fit_with_curve(
        job,
        records,
        lambda key, report: learn(job, student, teacher, records, key=key, report=report),
        how=job.params.distil,
    )


def fit(
    place: Place, student: Segmenter, records: tuple[list[Record], list[Record]], *, key: str, report: Report
) -> FitResult:
    """Distil as one of several processes, each with a teacher of its own."""
    teacher, _ = load_teacher(place.root / TEACHER)
    return learn(place, student, teacher, records, key=key, report=report)


def learn(
    job: Place,
    student: Segmenter,
    teacher: Segmenter,
    records: tuple[list[Record], list[Record]],
    *,
    key: str,
    report: Report,
) -> FitResult:
    """Distil as the job's parameters say, with its checkpoint in the job's scratch."""
    return train_student(
        student,
        teacher,
        records[0],
        records[1],
        job.params.distil,
        prompts=job.params.prompts,
        augment=job.params.augment,
        checkpoint_folder=job.scratch,
        fingerprint=key,
        report=report,
    )


@step(timeout_s=600, retries=2)
def save(job: Job, student: Segmenter, records: list[Record]) -> str:
    """Write the model folder; returns the digest of its weights."""
    return write_student(job, student, records, job.root / MODEL).digest


def write_student(job: Job, student: Segmenter, records: list[Record], folder: Path) -> ModelDescription:
    """Write a student, distilled on `records` as the job's parameters say, as a model folder."""
    params = job.params.student
    teacher = read_description(job.root / TEACHER)
    return save_segmenter(
        folder,
        student,
        kind="student",
        name=params.name,
        trunk=student_trunk(params),
        adapter=student_adapter(params),
        phantom=teacher.phantom or any(record.phantom for record in records),
        base=f"teacher {teacher.digest[:12]} ({teacher.name}, {teacher.base})",
        trained_on=tuple(sorted({record.dataset for record in records} | set(teacher.trained_on))),
        pretraining_exposure=teacher.pretraining_exposure,
        provenance=job.provenance.lasting(),
    )


@stage(params=PARAMS, data=DATA, seeds=("distil.seed",), timeout_s=15 * 24 * 3600, on_gpu=True)
def distil(job: Job) -> None:
    """Distil the teacher into the student."""
    records = read_records(job)
    student = build(job)
    train(job, student, records)
    digest = save(job, student, records[0])
    leave_model(job, MODEL, digest)


if __name__ == "__main__":
    distil.main()
