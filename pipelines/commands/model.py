"""`sonoforge model …`: what the networks are made of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.bench_inputs import MOST_PX, SIZE_HELP, STEP_PX, input_size
from pipelines.commands.bench_screen import plain_console, print_tables

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(help="The networks: teacher and students.", no_args_is_help=True)


@app.command()
def summary(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """The parameter tables: Hiera-T, S, B+ and L with CH-Adapters, and every student."""
    from pathlib import Path

    from components.params import load_params
    from components.promptable.adapter import AdapterConfig
    from components.promptable.summary import as_record, parameter_row
    from components.students import student_decoder, student_names, student_trunk
    from components.teacher.hiera import HIERAS

    params = load_params(Path("params.yaml"))
    rows = [parameter_row(name, trunk, AdapterConfig(), image_size_px=1024) for name, trunk in HIERAS.items()]
    decoder = student_decoder(params.student)
    for name in student_names():
        trunk = student_trunk(params.student.model_copy(update={"name": name}))
        rows.append(parameter_row(name, trunk, AdapterConfig(), image_size_px=1024, decoder=decoder))
    if as_json:
        typer.echo(json.dumps([as_record(row) for row in rows], indent=2))
        return
    _print_tables([as_record(row) for row in rows], students=student_names())


@app.command()
def memory(
    teacher: Annotated[str, typer.Option(help="The teacher's trunk: micro, tiny, small, base_plus, large.")] = "large",
    student: Annotated[
        str | None,
        typer.Option(help="The student that is distilled. Default: that of params.yaml, whose sizes it has."),
    ] = None,
    size: Annotated[int, typer.Option(help=SIZE_HELP, min=2 * STEP_PX, max=MOST_PX, callback=input_size)] = 1024,
    batch: Annotated[int, typer.Option(help="Images in a batch of one process.", min=1)] = 1,
    objects: Annotated[int, typer.Option(help="Objects in an image.", min=1)] = 1,
    gigabytes: Annotated[float, typer.Option(help="What a GPU has, 10^9 bytes.")] = 24.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """What a training step needs of a GPU's memory, computed without one: fine-tuning a teacher, then distilling it.

    The student is that of params.yaml unless `--student` names another, with the adapters and decoder that stand there.
    """
    from dataclasses import asdict
    from itertools import product
    from pathlib import Path

    from components.params import ModelParams, load_params
    from components.promptable.adapter import AdapterConfig
    from components.promptable.build import build_segmenter
    from components.students import build_student, student_names
    from components.teacher.hiera import HIERAS
    from components.training.memory import MemoryModel, StepShape

    if teacher not in HIERAS:
        raise typer.BadParameter(f"{teacher!r}; one of {', '.join(HIERAS)}", param_hint="--teacher")
    asked = load_params(Path("params.yaml")).student
    if student is not None and student not in student_names():
        raise typer.BadParameter(f"{student!r}; one of {', '.join(student_names())}", param_hint="--student")
    learner = asked if student is None else asked.model_copy(update={"name": student})
    rows: list[dict[str, object]] = []
    for stage in ("finetune", "distil"):
        teaches = build_segmenter(HIERAS[teacher], AdapterConfig(), image_size_px=size, draws_prompts=False)
        teaches.set_trainable(trunk=False)
        learns = teaches
        if stage == "distil":
            learns = build_student(learner, model=ModelParams(image_size_px=size, draws_prompts=False), seed=1)
        model = MemoryModel(learns, teacher=teaches if stage == "distil" else None)
        for bf16, recomputes in product((False, True), (False, True)):
            if recomputes and not learns.trunk.can_recompute:
                continue
            budget = model.budget(StepShape(images=batch, objects=objects, bf16=bf16, recomputes=recomputes))
            name = teacher if stage == "finetune" else learner.name
            said = {"stage": stage, "model": name, "bf16": bf16, "checkpointing": recomputes, **asdict(budget)}
            rows.append({**said, "total": budget.total, "fits": budget.fits(gigabytes)})
    if as_json:
        typer.echo(json.dumps({"size_px": size, "batch": batch, "objects": objects, "steps": rows}, indent=2))
        return
    step = f"{size} px, {_counted(batch, 'image')} of {_counted(objects, 'object')} a process"
    origin = "--student" if student is not None else "params.yaml"
    _print_memory(rows, f"{step}; student {learner.name} ({origin})", gigabytes)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _print_memory(rows: list[dict[str, object]], step: str, gigabytes: float) -> None:
    from components.evaluation.benchmarking.tables import Table as Texts

    console = plain_console()
    console.print(f"A training step in GB (10^9 bytes): {step}")
    parts, yes = ("parameters", "optimiser", "working", "total"), {True: "yes", False: "no"}
    headings = ("precision", "checkpointing", *parts, f"fits {gigabytes:g} GB")
    tables = []
    # A table a stage: one for both is wider than a terminal.
    for stage, said in (("finetune", "fine-tuning"), ("distil", "distilling into")):
        shown = [row for row in rows if row["stage"] == stage]
        cells = tuple(
            (
                "bf16" if row["bf16"] else "float32",
                yes[bool(row["checkpointing"])],
                *(f"{float(str(row[part])) / 1e9:.2f}" for part in parts),
                yes[bool(row["fits"])],
            )
            for row in shown
        )
        tables.append(Texts(f"{stage}: {said} {shown[0]['model']}", headings, cells))
    print_tables(console, tables)
    console.print(
        "working = activations, gradients and intermediate results at their peak; computed from shapes, not measured "
        "on a GPU. 2 GB are set aside for what a GPU takes besides (docs/training.md)."
    )


def _print_tables(rows: list[dict[str, int | str]], *, students: tuple[str, ...]) -> None:
    from rich.console import Console

    console = Console()
    console.print("Parameters in millions, SAM2.1 with CH-Adapters as the paper's figure draws them")
    for title, shown in (
        ("Teachers", [row for row in rows if row["name"] not in students]),
        ("Students", [row for row in rows if row["name"] in students]),
    ):
        console.print(_table(title, shown))
    console.print(
        "encoder = trunk + neck + adapters; total = SAM2.1 with its memory + adapters; trainable = adapters, neck and "
        "mask decoder on a frozen trunk (a student, and a teacher from scratch, trains whole). The released code also "
        "counts 576 fixed Sobel values in every block, which are buffers here. docs/model.md says what each published "
        "percentage is a percentage of."
    )


def _table(title: str, rows: list[dict[str, int | str]]) -> Table:
    from rich.table import Table

    # A model a column: a few models by four letters fit where twelve parts in a row don't.
    table = Table(title=title)
    table.add_column("part")
    for row in rows:
        table.add_column(str(row["name"]), justify="right", no_wrap=True)
    for key in rows[0]:
        if key not in ("name", "released_sobel"):
            table.add_row(key.replace("_", " "), *(f"{int(row[key]) / 1e6:.3f}" for row in rows))
    table.add_row("trainable %", *(f"{100 * int(row['trainable']) / int(row['total']):.2f}" for row in rows))
    return table
