"""Whether reading keeps up with the model: images a second from the shards to a batch, beside the student's own.

    .venv/bin/python benchmarks/training_reading.py [--rounds 5] [--out FILE]

One case reads, decodes, augments and draws prompts for a batch; the others are the student's image encoder alone,
without gradients, and its share of a training step (encoder, decoder, mask loss, backward; the teacher that
distillation adds isn't counted). All have one core, and take turns in one process, at the demo's input size and at the
paper's. A ratio above 1 says that one core reads faster than one core learns. Leaves out: GPUs, beside which several
loader processes read (`loader_workers`).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import torch

from components.artefacts import write_json
from components.contract import load_contract
from components.evaluation.speed import Timing, as_records, describe_machine, time_interleaved
from components.intake.harmonise import harmonise
from components.params import Params, load_params
from components.phantom import write_dataset
from components.promptable.segmenter import Segmenter
from components.students import build_student
from components.training.data import Batch, TrainingImages, collate
from components.training.losses import mask_loss
from components.types import Record

ROOT = Path(__file__).parents[1]
# Input size: images in a batch.
BATCHES = {192: 4, 1024: 1}
READ, ENCODER, STEP = "read, augment, prompt", "student's encoder, forward", "student's step, without the teacher"


def phantoms(params: Params, folder: Path, *, images: int) -> list[Record]:
    """Drawn images of all internal datasets, at their native sizes."""
    found: list[Record] = []
    for name in params.names("internal"):
        raw = write_dataset(name, folder / "raw" / name, images=images, seed=1, workers=2).root
        contract = load_contract(name, ROOT / "data/contracts")
        done = harmonise(contract, raw, out=folder / "02" / name, phantom=True, contracts=ROOT / "data/contracts")
        found += done.records
    return found


def read_batch(images: TrainingImages, size: int, numbers: count[int]) -> Batch:
    """The next batch of an endless training; no two batches are alike, so nothing is measured from a cache."""
    start = next(numbers) * size
    return collate([images[divmod(start + k, len(images))] for k in range(size)])


def encode(student: Segmenter, batch: Batch) -> None:
    """The image encoder alone."""
    with torch.inference_mode():
        student.encode(batch.images)


def step(student: Segmenter, batch: Batch, params: Params) -> None:
    """Encoder, decoder, mask loss and backward."""
    student.zero_grad(set_to_none=True)
    logits, quality = student.decode(student.encode(batch.images), batch.prompts)
    losses = mask_loss(logits, quality, batch.truth.float(), params.distil.loss)
    torch.stack(list(losses.values())).sum().backward()


def at_size(records: Sequence[Record], params: Params, size_px: int, *, batch_size: int, rounds: int) -> list[Timing]:
    """Time reading and the student at one input size."""
    images = TrainingImages(
        records,
        image_size_px=size_px,
        augment=params.augment,
        prompts=params.prompts.train,
        min_area_px=params.prompts.min_area_px,
        seed=1,
    )
    student = build_student(
        params.student, model=params.model.model_copy(update={"image_size_px": size_px}), seed=1
    ).train()
    numbers = count()
    batch = read_batch(images, batch_size, numbers)
    cases: dict[str, Callable[[], object]] = {
        READ: partial(read_batch, images, batch_size, numbers),
        ENCODER: partial(encode, student, batch),
        STEP: partial(step, student, batch, params),
    }
    return time_interleaved(cases, rounds=rounds)


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/training_reading.json")
    wanted = parser.parse_args()
    params = load_params(ROOT / "params.yaml")
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="sonoforge-bench-") as scratch:
        records = phantoms(params, Path(scratch), images=15)
        tables = {
            size_px: at_size(records, params, size_px, batch_size=batch_size, rounds=wanted.rounds)
            for size_px, batch_size in BATCHES.items()
        }
    rates = {
        f"{size_px} px": {row.name: round(1000 * BATCHES[size_px] / row.median_ms, 2) for row in rows}
        for size_px, rows in tables.items()
    }
    record: dict[str, Any] = {
        "schema": 1,
        "machine": describe_machine(),
        "batch_size": {f"{size_px} px": batch_size for size_px, batch_size in BATCHES.items()},
        "tables": {f"{size_px} px": as_records(rows) for size_px, rows in tables.items()},
        "images_per_s": rates,
        # Round by round, so that a busy moment counts on both sides.
        "reading_to_model": {
            f"{size_px} px": {row.name: round(row.ratio_to_first, 2) for row in rows[1:]}
            for size_px, rows in tables.items()
        },
    }
    write_json(wanted.out, record)
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
