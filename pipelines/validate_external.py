"""The external harmonised datasets to `reports/external`: images that were never near training.

What a model had seen is counted by patients: a dataset of the same patients as one that it saw isn't external. Leaves
out: the internal test side (validate_internal) and the verdict (gate).
"""

from __future__ import annotations

from dataclasses import replace

from components.evaluation.exposure import by_patients
from components.evaluation.scoring.cases import Contender
from components.intake.form.records import iterate_manifest
from components.intake.likeness.proof import proof_stamp
from components.intake.sides.apart import check_apart
from components.intake.sides.sources import read_sources
from components.journal import Journal
from components.stored_list import StoredList
from components.types import Record
from pipelines.departed import clear_departed
from pipelines.runtime.stage import WORKERS, Job, Progress, stage
from pipelines.runtime.steps import step
from pipelines.validation import load_contenders, record, score, write

# All of `datasets`: which ones take part decides the result, and a removed one leaves its folder behind.
PARAMS = ("datasets", "prompts", "evaluate")
DATA = (
    "data/02_harmonised/external",
    "data/02_harmonised/internal",
    "data/03_splits/sources.json",
    "models/teacher",
    "models/student",
    "models/calibration",
    "models/unet",
)


@step(timeout_s=24 * 3600, retries=2)
def read_external(job: Job) -> StoredList[Record]:
    """Read the records of the run's external datasets, and make sure that none has a relative among the internal ones.

    Any internal side counts: val chose the weights, and a relative of a test image isn't external either. Here and not
    before training, so that no training depends on an external dataset; what is found is mended by leaving out the
    external image, which trains nothing again.
    """
    folder = job.root / "data/02_harmonised"
    clear_departed(folder / "external", keep=job.params.names("external"))
    internal, external = (
        StoredList(found for name in job.params.names(role) for found in iterate_manifest(folder / role / name))
        for role in ("internal", "external")
    )
    check_apart(
        external,
        internal,
        workers=WORKERS,
        progress=Progress("pairs of images decided"),
        journal=Journal(job.scratch / "pairs", proof_stamp()),
    )
    return external


def seen_by_patients(job: Job, models: dict[str, Contender]) -> dict[str, Contender]:
    """The models, each counted to have seen all datasets of the patients that it saw."""
    sources = read_sources(job.root / "data/03_splits/sources.json")
    return {who: replace(model, exposure=by_patients(model.exposure, sources)) for who, model in models.items()}


@stage(params=PARAMS, data=DATA, seeds=("prompts.evaluate.seed", "evaluate.seed"), timeout_s=8 * 24 * 3600, on_gpu=True)
def validate_external(job: Job) -> None:
    """Score the models on the external images."""
    records = read_external(job)
    models = seen_by_patients(job, load_contenders(job, ("teacher", "champion", "unet_box")))
    result = score(job, records, models)
    record(job, result, write(job, result, "external"))


if __name__ == "__main__":
    validate_external.main()
