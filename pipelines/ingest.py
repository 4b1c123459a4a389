"""A dataset's source, phantom generator or imported folder, to `data/01_raw/<dataset>` in its original layout.

Leaves out: judging what came in (validate_data).
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from components.contract import check_licence, licence_addresses, licence_answer, load_contract
from components.errors import ContractError
from components.intake.ingest import ingest as copy_import
from components.params import DatasetParams, PhantomParams
from components.phantom.write import write_dataset
from pipelines.runtime.stage import WORKERS, Job, Progress, stage
from pipelines.runtime.steps import step

PARAMS = ("datasets.${key}",)
DATA = ("data/contracts/${key}.yaml", "${item.source}")

log = logging.getLogger(__name__)


@step(timeout_s=60)
def check_role(job: Job, dataset: DatasetParams) -> None:
    """Make sure that the run uses the dataset as its contract, and for real images its licence, allows."""
    contract = load_contract(job.dataset, job.root / "data/contracts")
    if contract.role != dataset.role:
        raise ContractError(
            f"params.yaml gives {job.dataset} the role {dataset.role}",
            expected=f"{contract.role}, as its contract says ({contract.role_reason})",
            remedy=f"set datasets.{job.dataset}.role to {contract.role}",
        )
    if dataset.is_phantom:
        return
    check_licence(contract)
    if contract.role == "internal" and contract.licence.train == "unknown":
        log.warning("whether one may train on %s: %s", job.dataset, licence_answer(contract, "train"))
        log.warning("stated: %s", contract.licence.stated)
        for address in licence_addresses(contract):
            log.warning("to be read at %s", address)


@step(timeout_s=12 * 3600, retries=1)
def draw_phantoms(job: Job, phantom: PhantomParams, target: Path) -> int:
    """Draw phantom images into the dataset's original layout, or take up an interrupted try; returns how many files."""
    shutil.rmtree(target, ignore_errors=True)
    progress = Progress("phantom images drawn")
    written = write_dataset(
        job.dataset,
        target,
        images=phantom.images,
        seed=phantom.seed,
        workers=WORKERS,
        on_progress=lambda done: progress(done, phantom.images),
    )
    if written.resumed:
        log.info("%d images were there from an interrupted run", written.resumed)
    return written.files


@step(timeout_s=12 * 3600, retries=2)
def copy_imported(source: Path, target: Path) -> int:
    """Copy an imported folder; returns how many files there are."""
    copy_import(source, out=target)
    return sum(path.is_file() for path in target.rglob("*"))


@stage(params=PARAMS, data=DATA, seeds=("datasets.${key}.phantom.seed",), timeout_s=24 * 3600)
def ingest(job: Job) -> None:
    """Bring one dataset in."""
    dataset = job.params.datasets[job.dataset]
    target = job.root / "data/01_raw" / job.dataset
    check_role(job, dataset)
    if dataset.phantom is not None:
        files = draw_phantoms(job, dataset.phantom, target)
    else:
        files = copy_imported(job.root / dataset.source, target)
    log.info("%d files in %s", files, target.relative_to(job.root))
    job.run.log_metrics({"files": files})


if __name__ == "__main__":
    ingest.main()
