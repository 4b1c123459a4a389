"""The internal harmonised datasets to `data/03_splits/internal.csv`: one side for each image, no group on two.

Before anything trains it refuses datasets of the same patients. Which those are it writes to `sources.json`, for the
stages that ask what a model has seen: they'd otherwise depend on every word of all contracts. Leaves out: external
datasets, which are never split.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from components.contract import contract_names, load_contract
from components.intake.form.records import open_manifest, write_split
from components.intake.likeness.proof import proof_stamp
from components.intake.sides.apart import check_sources
from components.intake.sides.images import Images
from components.intake.sides.record import SIDES, SidesRecord, read_sides
from components.intake.sides.relatives import Relatives, find_relatives
from components.intake.sides.sources import close_sources, write_sources
from components.intake.sides.split_report import write_split_report
from components.intake.split import split as split_records
from components.journal import Journal
from pipelines.departed import clear_departed
from pipelines.runtime.stage import WORKERS, Job, Progress, stage
from pipelines.runtime.steps import step

# All of `datasets`: which ones take part decides the split, and a removed one leaves its folder behind.
PARAMS = ("datasets", "split")
DATA = ("data/02_harmonised/internal", "data/contracts", "data/sides.csv")
SPLIT = Path("data/03_splits/internal.csv")
SOURCES = Path("data/03_splits/sources.json")
REPORT = Path("reports/split")

log = logging.getLogger(__name__)


@step(timeout_s=600, retries=2)
def read_internal(job: Job) -> Images:
    """Read the records of the run's internal datasets; they stand on the disk, and in memory what dividing asks."""
    names = job.params.names("internal")
    folder = job.root / "data/02_harmonised/internal"
    clear_departed(folder, keep=names)
    return Images({name: open_manifest(folder / name) for name in names})


@step(timeout_s=60)
def refuse_same_patients(job: Job) -> None:
    """Make sure by all contracts that no two datasets of the run hold the same patients, unless both are external.

    Writes which datasets do, in the run or not: a model may have seen one that isn't.
    """
    folder = job.root / "data/contracts"
    # Those of other datasets too: one of them may be what links two of the run.
    contracts = {name: load_contract(name, folder) for name in {*contract_names(folder), *job.params.datasets}}
    roles = {name: dataset.role for name, dataset in job.params.datasets.items()}
    same_source = {name: contract.same_source_as for name, contract in contracts.items()}
    check_sources(roles, same_source)
    write_sources(job.root / SOURCES, close_sources(same_source))


@step(timeout_s=60)
def read_recorded(job: Job) -> SidesRecord:
    """Read the sides that real images have had so far."""
    return read_sides(job.root / SIDES)


@step(timeout_s=24 * 3600)
def relate(job: Job, images: Images) -> Relatives:
    """Find the groups, equal pixels and near copies that must stay together; pairs that are known aren't compared."""
    return find_relatives(
        images,
        workers=WORKERS,
        progress=Progress("pairs of images decided"),
        journal=Journal(job.scratch / "pairs", proof_stamp()),
    )


@step(timeout_s=600)
def assign(job: Job, images: Images, relatives: Relatives, recorded: SidesRecord) -> pd.DataFrame:
    """Give every cluster its side, that on record if there is one, and prove that nothing leaks."""
    return split_records(images, job.params.split, recorded=recorded, relatives=relatives)


@step(timeout_s=600, retries=2)
def write(
    job: Job,
    frame: pd.DataFrame,
    images: Images,
    relatives: Relatives,
    recorded: SidesRecord,
) -> list[str]:
    """Write the split, and its report with pictures; returns the report's warnings."""
    write_split(job.root / SPLIT, frame)
    report = write_split_report(
        job.root / REPORT, frame, images, params=job.params.split, relatives=relatives, recorded=recorded
    )
    warnings: list[str] = report["warnings"]
    return warnings


@stage(params=PARAMS, data=DATA, seeds=("split.seed",), timeout_s=26 * 3600)
def split(job: Job) -> None:
    """Divide the internal datasets into train, val and test."""
    refuse_same_patients(job)
    images = read_internal(job)
    recorded = read_recorded(job)
    relatives = relate(job, images)
    frame = assign(job, images, relatives, recorded)
    for warning in write(job, frame, images, relatives, recorded):
        log.warning("%s", warning)
    counts = frame["split"].value_counts()
    log.info("%s", ", ".join(f"{kind} {counts.get(kind, 0)}" for kind in ("train", "val", "test")))
    job.run.log_metrics({f"images_{kind}": float(count) for kind, count in counts.items()})
    job.run.log_artifact(job.root / REPORT)


if __name__ == "__main__":
    split.main()
