"""What test_ranks.py has trained by one process and by two: a teacher, and a student with batch normalisation.

A module as `pipelines.ranks` takes a stage's: `build` and `fit`. As two processes its second one fails at the end.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from components.errors import TrainingError
from components.promptable.adapter import AdapterConfig
from components.promptable.build import build_segmenter
from components.promptable.trunks.rep import RepConfig
from components.training.distil import distil
from components.training.finetune import finetune
from components.training.ranks import current_ranks
from components.types import Record
from tests.components.training.conftest import AUGMENT, PROMPTS
from tests.components.training.test_distil import distil_params
from tests.components.training.test_finetune import finetune_params, tiny_segmenter

Curve = list[dict[str, float]]
# Batches of 3 and one of 1: of the last one the second process has nothing.
TRAIN, VAL, BATCH = slice(0, 7), slice(7, 10), 3
REP = RepConfig(widths=(8, 8, 16, 16), depths=(1, 1, 1, 1))
build = SimpleNamespace(function=lambda place: None)


def teacher(records: list[Record], folder: Path, *, interrupted: bool = False) -> Curve:
    """Fine-tune in steps of two batches, from wherever `folder` has it; the curve from there on, or after an
    interruption at the end of the first epoch."""
    network, curve = tiny_segmenter(1), Curve()
    network.set_trainable(trunk=True)

    def report(metrics: dict[str, float], _epoch: int) -> None:
        if interrupted:
            raise KeyboardInterrupt
        curve.append(metrics)

    finetune(
        network,
        records[TRAIN],
        records[VAL],
        finetune_params(batch_size=BATCH, accumulate=2),
        prompts=PROMPTS,
        augment=AUGMENT,
        checkpoint_folder=folder,
        fingerprint="teacher",
        report=report,
    )
    return curve


def student(records: list[Record], folder: Path) -> Curve:
    """Distil features, which are means over images, and masks, which are means over objects, into a student with batch
    normalisation."""
    curve = Curve()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = build_segmenter(REP, AdapterConfig(), image_size_px=64, draws_prompts=True)
    network.set_trainable(trunk=True)
    distil(
        network,
        tiny_segmenter(2),
        records[TRAIN],
        records[VAL],
        distil_params(batch_size=BATCH, epochs=1),
        prompts=PROMPTS,
        augment=AUGMENT,
        checkpoint_folder=folder,
        fingerprint="student",
        report=lambda metrics, epoch: curve.append(metrics),
    )
    return curve


def curves(records: list[Record], folder: Path) -> dict[str, Curve]:
    """Both trainings."""
    return {"teacher": teacher(records, folder / "teacher"), "student": student(records, folder / "student")}


def fit(place: Any, _network: None, records: tuple[list[Record], list[Record]], **_: Any) -> None:
    """Train as one of two processes; the first one writes the curves, and the second one then fails."""
    torch.set_num_threads(1)
    found = curves(records[0], place.scratch)
    ranks = current_ranks()
    if ranks.first:
        (place.scratch / "curves.json").write_text(json.dumps(found), encoding="utf-8")
    ranks.wait_for_all()
    if not ranks.first:
        raise TrainingError("the second process fails", expected="the first one to end", remedy="none: it's a test")
    ranks.wait_for_all()
