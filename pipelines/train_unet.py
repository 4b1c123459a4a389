"""The training side of the split to `models/unet`: a U-Net that is given the box, the trained baseline of all tables.

Takes up the last checkpoint of an interrupted run. Leaves out: teacher and student, of which it knows nothing.
"""

from __future__ import annotations

import logging
from pathlib import Path

from components.training.loop import FitResult, Report
from components.training.unet import train_unet as train_network
from components.types import Record
from components.unet.model_folder import save_unet
from components.unet.network import BoxUnet, build_unet
from pipelines.runtime.stage import Job, stage
from pipelines.runtime.steps import step
from pipelines.training import PROMPTS, Place, fit_with_curve, leave_model, read_records

PARAMS = ("model.image_size_px", *PROMPTS, "augment", "unet")
DATA = ("data/02_harmonised/internal", "data/03_splits/internal.csv")
MODEL = Path("models/unet")

log = logging.getLogger(__name__)


@step(timeout_s=600, retries=2)
def build(job: Place) -> BoxUnet:
    """Build the network with random weights."""
    params = job.params.unet
    return build_unet(params.channels, image_size_px=job.params.model.image_size_px, seed=params.seed)


@step(timeout_s=14 * 24 * 3600)
def train(job: Job, network: BoxUnet, records: tuple[list[Record], list[Record]]) -> FitResult:
    """Train from wherever an interrupted run left it; the network ends with its best weights."""
    return fit_with_curve(
        job, records, lambda key, report: fit(job, network, records, key=key, report=report), how=job.params.unet
    )


def fit(
    place: Place, network: BoxUnet, records: tuple[list[Record], list[Record]], *, key: str, report: Report
) -> FitResult:
    """Train with the checkpoint in the place's scratch; one of several processes does so, too."""
    return train_network(
        network,
        *records,
        place.params.unet,
        prompts=place.params.prompts,
        augment=place.params.augment,
        checkpoint_folder=place.scratch,
        fingerprint=key,
        report=report,
    )


@step(timeout_s=600, retries=2)
def save(job: Job, network: BoxUnet, records: list[Record]) -> str:
    """Write the model folder; returns the digest of its weights."""
    description = save_unet(
        job.root / MODEL,
        network,
        phantom=any(record.phantom for record in records),
        trained_on=tuple(sorted({record.dataset for record in records})),
        provenance=job.provenance.lasting(),
    )
    return description.digest


@stage(params=PARAMS, data=DATA, seeds=("unet.seed",), timeout_s=15 * 24 * 3600, on_gpu=True)
def train_unet(job: Job) -> None:
    """Train the box-fed U-Net."""
    records = read_records(job)
    network = build(job)
    train(job, network, records)
    digest = save(job, network, records[0])
    leave_model(job, MODEL, digest)


if __name__ == "__main__":
    train_unet.main()
