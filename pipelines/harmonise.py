"""A raw dataset that passed its validation to `data/02_harmonised/<role>/<dataset>`: one form for all of them.

Leaves out: the rules (validate_data), and the split.
"""

from __future__ import annotations

import logging

from components.contract import load_contract
from components.intake.form.counted import counted
from components.intake.form.records import iterate_manifest
from components.intake.harmonise import Harmonised
from components.intake.harmonise import harmonise as harmonise_dataset
from components.params import DatasetParams
from pipelines.runtime.stage import Job, Progress, stage
from pipelines.runtime.steps import step

PARAMS = ("datasets.${key}",)
DATA = ("data/contracts/${key}.yaml", "data/01_raw/${key}", "reports/data/${key}/faults.json")

log = logging.getLogger(__name__)


@step(timeout_s=6 * 3600, retries=2)
def write_harmonised(job: Job, dataset: DatasetParams) -> Harmonised:
    """Decode every case and write images, instance masks, manifest and COCO file; takes up an interrupted try."""
    contract = load_contract(job.dataset, job.root / "data/contracts")
    return harmonise_dataset(
        contract,
        job.root / "data/01_raw" / job.dataset,
        out=job.root / "data/02_harmonised" / dataset.role / job.dataset,
        phantom=dataset.is_phantom,
        contracts=job.root / "data/contracts",
        engine=job.engine,
        progress=Progress("images harmonised"),
    )


@stage(params=PARAMS, data=DATA, timeout_s=6 * 3600)
def harmonise(job: Job) -> None:
    """Bring one dataset into the common form."""
    done = write_harmonised(job, job.params.datasets[job.dataset])
    if done.resumed:
        log.info("%d images were there from an interrupted run", done.resumed)
    found = counted(iterate_manifest(done.folder))
    job.run.log_metrics({"images": found.images, "objects": found.objects, "groups": found.groups})


if __name__ == "__main__":
    harmonise.main()
