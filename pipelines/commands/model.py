"""`sonoforge model …`: what the networks are made of."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(help="The networks: teacher and students.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Keep `summary` a sub-command while it is the only one."""


@app.command()
def summary(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """The parameter table: Hiera-T, S, B+ and L with CH-Adapters, and every student."""
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
    _print_table([as_record(row) for row in rows])


def _print_table(rows: list[dict[str, int | str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    # A model a column: eight models, their names in lines, fit where twelve parts in a row don't.
    table = Table(title="Parameters in millions, SAM2.1 with CH-Adapters as the paper's figure draws them")
    table.add_column("part")
    for row in rows:
        table.add_column(str(row["name"]).replace("_", "_\n"), justify="right", no_wrap=True)
    for key in rows[0]:
        if key not in ("name", "released_sobel"):
            table.add_row(key.replace("_", " "), *(f"{int(row[key]) / 1e6:.3f}" for row in rows))
    table.add_row("trainable %", *(f"{100 * int(row['trainable']) / int(row['total']):.2f}" for row in rows))
    console = Console()
    console.print(table)
    console.print(
        "encoder = trunk + neck + adapters; total = SAM2.1 with its memory + adapters; trainable = adapters, neck and "
        "mask decoder on a frozen trunk (a student, and a teacher from scratch, trains whole). The released code also "
        "counts 576 fixed Sobel values in every block, which are buffers here. docs/model.md says what each published "
        "percentage is a percentage of."
    )
