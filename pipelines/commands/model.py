"""`sonoforge model …`: what the networks are made of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(help="The networks: teacher and students.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Keep `summary` a sub-command while it is the only one."""


@app.command()
def summary(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """The parameter tables: Hiera-T, S, B+ and L with CH-Adapters, and every student."""
    from pathlib import Path

    from components.params import load_params
    from components.promptable.adapter import AdapterConfig
    from components.promptable.summary import as_record, parameter_row
    from components.students import student_names, student_trunk
    from components.teacher.hiera import HIERAS

    params = load_params(Path("params.yaml"))
    rows = [parameter_row(name, trunk, AdapterConfig(), image_size_px=1024) for name, trunk in HIERAS.items()]
    for name in student_names():
        trunk = student_trunk(params.student.model_copy(update={"name": name}))
        rows.append(parameter_row(name, trunk, AdapterConfig(), image_size_px=1024))
    if as_json:
        typer.echo(json.dumps([as_record(row) for row in rows], indent=2))
        return
    _print_tables([as_record(row) for row in rows], students=student_names())


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
