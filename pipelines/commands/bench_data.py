"""`sonoforge bench data`: what reading in training, preprocessing and the phantom generator cost on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from torch import Tensor

    from components.evaluation.speed import Timing
    from components.params import Params
    from components.promptable.segmenter import Embedding, Segmenter

READING = "reading in training, beside the model"
BATCH = 4


def bench_data(
    size: Annotated[int, typer.Option(help="Side of the model input in pixels.")] = 512,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds.")] = 7,
    out: Annotated[Path | None, typer.Option(help="Write the JSON here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Time reading beside the student's encoder, preprocessing and the phantom generator."""
    from components.artefacts import write_json
    from components.evaluation.speed import as_records, describe_machine, time_interleaved
    from components.params import load_params

    params = load_params(Path("params.yaml"))
    with TemporaryDirectory(prefix="sonoforge-bench-") as scratch:
        tables = {
            READING: time_interleaved(_reading(params, size, Path(scratch)), rounds=rounds),
            "data": time_interleaved(_data_cases(size), rounds=rounds),
        }
    record = {
        "schema": 1,
        "machine": describe_machine(),
        "input_px": size,
        "tables": {name: as_records(timings) for name, timings in tables.items()},
    }
    if out is not None:
        write_json(out, record)
    if as_json:
        typer.echo(json.dumps(record, indent=2))
    else:
        _print_tables(tables, record["machine"], size)


def _encode(segmenter: Segmenter, images: Tensor) -> Embedding:
    import torch

    with torch.inference_mode():
        return segmenter.encode(images)


def _reading(params: Params, size: int, scratch: Path) -> dict[str, Callable[[], object]]:
    """A batch from harmonised phantoms as a training reads it, always another one, and the student's encoder on it."""
    from itertools import count

    from components.contract import load_contract
    from components.intake.harmonise import harmonise
    from components.phantom import write_dataset
    from components.students import build_student
    from components.training.data import Batch, TrainingImages, collate

    raw = write_dataset("busi", scratch / "raw", images=12, seed=1).root
    done = harmonise(load_contract("busi"), raw, out=scratch / "busi", phantom=True)
    images = TrainingImages(
        done.records,
        image_size_px=size,
        augment=params.augment,
        prompts=params.prompts.train,
        min_area_px=params.prompts.min_area_px,
        seed=1,
    )
    numbers = count()

    def read() -> Batch:
        return collate([images[divmod(next(numbers), len(images))] for _ in range(BATCH)])

    model = params.model.model_copy(update={"image_size_px": size})
    student = build_student(params.student, model=model, seed=1).eval()
    name = f"{BATCH} images"
    return {
        f"read, augment, prompt, {name}": read,
        f"student's encoder, {name}": partial(_encode, student, read().images),
    }


def _data_cases(size: int) -> dict[str, Callable[[], object]]:
    """Preprocessing of an 800x600 image, and four phantom images of each layout, drawn and written as files."""
    import numpy as np

    from components.phantom import LAYOUTS
    from components.preprocess import to_input

    image = np.zeros((600, 800, 3), dtype=np.uint8)
    cases: dict[str, Callable[[], object]] = {"preprocess 800x600": partial(to_input, image, size)}
    for name in LAYOUTS:
        cases[f"phantom {name}, 4 images"] = partial(_write_phantoms, name, images=4)
    return cases


def _write_phantoms(name: str, *, images: int) -> None:
    from components.phantom import write_dataset

    with TemporaryDirectory() as folder:
        write_dataset(name, Path(folder) / name, images=images, seed=1)


def _print_tables(tables: Mapping[str, list[Timing]], machine: object, size: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"{size} px; {machine}")
    for name, timings in tables.items():
        table = Table(title=name)
        for column in ("case", "median ms", "10 %", "90 %", "ratio to the first"):
            table.add_column(column, justify="left" if column == "case" else "right")
        for row in timings:
            table.add_row(
                row.name, f"{row.median_ms:.1f}", f"{row.p10_ms:.1f}", f"{row.p90_ms:.1f}", f"{row.ratio_to_first:.2f}"
            )
        console.print(table)
