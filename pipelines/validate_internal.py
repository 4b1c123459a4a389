"""The test side of the split to `reports/internal`: student, teacher and model in use beside the ellipse.

Leaves out: the external datasets (validate_external) and the verdict (gate).
"""

from __future__ import annotations

from collections.abc import Sequence

from components.evaluation.validate import select_test
from components.intake.form.records import iterate_manifest, read_split
from components.types import Record
from pipelines.runtime.stage import Job, stage
from pipelines.runtime.steps import step
from pipelines.validation import load_contenders, record, score, write

PARAMS = ("prompts", "evaluate")
DATA = (
    "data/02_harmonised/internal",
    "data/03_splits/internal.csv",
    "models/teacher",
    "models/student",
    "models/calibration",
    "models/unet",
    "models/spread",
)


@step(timeout_s=600, retries=2)
def read_test(job: Job) -> Sequence[Record]:
    """Read the test records, and make sure that none of them was near training."""
    split = read_split(job.root / "data/03_splits/internal.csv")
    folder = job.root / "data/02_harmonised/internal"
    return select_test(
        (found for name in split["dataset"].unique() for found in iterate_manifest(folder / name)), split
    )


@stage(params=PARAMS, data=DATA, seeds=("prompts.evaluate.seed", "evaluate.seed"), timeout_s=8 * 24 * 3600, on_gpu=True)
def validate_internal(job: Job) -> None:
    """Score the models on the internal test images."""
    records = read_test(job)
    models = load_contenders(job, ("teacher", "champion", "unet_box", "sisters"))
    result = score(job, records, models)
    record(job, result, write(job, result, "internal"))


if __name__ == "__main__":
    validate_internal.main()
