"""`sonoforge bench data`: what reading in training, preprocessing and the phantom generator cost on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.bench_inputs import LEAST_PX, MOST_PX, SIZE_HELP, input_size, new_file
from pipelines.commands.bench_screen import plain_console, print_tables

if TYPE_CHECKING:
    from torch import Tensor

    from components.evaluation.speed import Timing
    from components.params import Params
    from components.promptable.segmenter import Embedding, Segmenter

READING = "reading in training, beside the model"
PREPROCESSING = "preprocessing"
PHANTOMS = "phantom generator"
BATCH = 4


def bench_data(
    size: Annotated[int, typer.Option(help=SIZE_HELP, min=LEAST_PX, max=MOST_PX, callback=input_size)] = 512,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds.")] = 7,
    out: Annotated[Path | None, typer.Option(help="Write the JSON here.", callback=new_file)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Time reading beside the encoder of the student of params.yaml, preprocessing and the phantom generator."""
    from components.artefacts import write_json
    from components.evaluation.benchmarking.benchmark import load_average
    from components.evaluation.speed import as_records, describe_machine, time_interleaved
    from components.params import load_params

    params, load_at_start = load_params(Path("params.yaml")), load_average()
    with TemporaryDirectory(prefix="sonoforge-bench-") as scratch:
        tables = {
            READING: time_interleaved(_reading(params, size, Path(scratch)), rounds=rounds),
            PREPROCESSING: time_interleaved(_preprocessing(size), rounds=rounds),
            PHANTOMS: time_interleaved(_phantoms(), rounds=rounds),
        }
    machine = describe_machine() | {"load_average": {"start": load_at_start, "end": load_average()}}
    record = {
        "schema": 2,
        "machine": machine,
        "input_px": size,
        "student": params.student.name,
        "tables": {name: as_records(timings) for name, timings in tables.items()},
    }
    if out is not None:
        write_json(out, record)
        typer.echo(f"written to {out}", err=True)
    if as_json:
        typer.echo(json.dumps(record, indent=2))
    else:
        _print_tables(tables, machine, size)


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
        f"{params.student.name}'s encoder, {name}": partial(_encode, student, read().images),
    }


def _preprocessing(size: int) -> dict[str, Callable[[], object]]:
    """An image of 800x600 pixels to the model's input."""
    import numpy as np

    from components.preprocess import to_input

    return {"preprocess 800x600": partial(to_input, np.zeros((600, 800, 3), dtype=np.uint8), size)}


def _phantoms() -> dict[str, Callable[[], object]]:
    """A few phantom images of each layout, drawn and written as files."""
    from components.phantom import LAYOUTS

    return {f"phantom {name}, {BATCH} images": partial(_write_phantoms, name, images=BATCH) for name in LAYOUTS}


def _write_phantoms(name: str, *, images: int) -> None:
    from components.phantom import write_dataset

    with TemporaryDirectory() as folder:
        write_dataset(name, Path(folder) / name, images=images, seed=1)


def _print_tables(timed: Mapping[str, list[Timing]], machine: Mapping[str, Any], size: int) -> None:
    from components.evaluation.benchmarking.rounds import ENOUGH
    from components.evaluation.benchmarking.tables import Table, load_of, machine_parts

    console = plain_console()
    console.print("; ".join([f"{size} px", *machine_parts(machine, threads=machine["torch_threads"])]))
    shown = []
    for name, timings in timed.items():
        # Only reading and the model take turns in a training: of the others none is a part of another's time.
        ratio = ("times\nreading",) if name == READING else ()
        rows = tuple(_cells(row, with_ratio=bool(ratio)) for row in timings)
        shown.append(Table(name, ("case", "median\nms", "10–90 %", "turns", *ratio), rows))
    print_tables(console, shown, words=1)
    console.print(
        "ms: of one case, all its images. A phantom is drawn and written as files, like the dataset it stands for."
    )
    turns = min(row.rounds for timings in timed.values() for row in timings)
    if turns < ENOUGH:
        console.print(f"Few turns ({turns}), {load_of(machine)}: don't rely on these.")


def _cells(row: Timing, *, with_ratio: bool) -> tuple[str, ...]:
    from components.evaluation.benchmarking.rounds import ENOUGH
    from components.evaluation.benchmarking.tables import NONE, figure

    spread = f"{figure(row.p10_ms)}–{figure(row.p90_ms)}" if row.rounds >= ENOUGH else NONE
    ratio = (figure(row.ratio_to_first),) if with_ratio else ()
    return (row.name, figure(row.median_ms), spread, str(row.rounds), *ratio)
