"""`sonoforge bench`: what models cost on this machine, ours beside others', as tables and a JSON file.

`bench data` times what surrounds the models, `bench table` renders a record as Markdown. Leaves out: how anything is
measured (components/evaluation/benchmarking).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.bench_data import bench_data

if TYPE_CHECKING:
    from components.evaluation.benchmarking.benchmark import Benchmark
    from components.evaluation.benchmarking.record import Record

SIZES_PX = (256, 512, 1024)
WIDTH = 180
"""Characters of a line where no terminal says how many it has."""

app = typer.Typer(help="What models cost on this machine, and what surrounds them.", invoke_without_command=True)
app.command("data")(bench_data)


@app.callback()
def bench(
    context: typer.Context,
    size: Annotated[list[int] | None, typer.Option(help="Side of the model input in pixels; repeat it.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds, at most; slow models get fewer.")] = 9,
    minutes: Annotated[float, typer.Option(min=0.0, help="About how long it may take; each model runs once.")] = 12,
    batch: Annotated[int, typer.Option(min=0, help="Images in a batch, for throughput; 0: none.")] = 4,
    only: Annotated[list[str] | None, typer.Option(help="Models whose name holds this; repeat it.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="But not those whose name holds this; repeat it.")] = None,
    model: Annotated[list[Path] | None, typer.Option(help="A student's model folder, beside random weights.")] = None,
    memory: Annotated[bool, typer.Option(help="Measure memory, each model in a process of its own.")] = True,
    compare: Annotated[Path | None, typer.Option(help="Warn where ratios are far from this record's.")] = None,
    names: Annotated[bool, typer.Option("--list", help="Print the names of what would be measured, and end.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON here, as far as it got, also on Ctrl-C.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Time encoder, a click, and file to mask: students, teacher, SAM2.1 and others, by each runtime that is here.

    Weights are random, which cost what trained ones do. Rounds are interleaved, so ratios hold on a busy machine.
    """
    if context.invoked_subcommand is not None:
        return
    from components.evaluation.benchmarking.benchmark import Benchmark, Plan, chosen
    from components.evaluation.benchmarking.record import read_record
    from components.params import load_params

    kept = None if compare is None else read_record(compare)
    params, models = load_params(Path("params.yaml")), tuple(model or ())
    variants = chosen(params, models, tuple(size or SIZES_PX), only=tuple(only or ()), skip=tuple(skip or ()))
    if names:
        typer.echo("\n".join(each.key for each in variants))
        return
    plan = Plan(params, variants, models, rounds=rounds, minutes=minutes, batch=batch, memory=memory)
    record = _measured(Benchmark.of(plan, _tell), out, as_json=as_json)
    if kept is not None:
        _warn(record, kept)


@app.command("table")
def bench_table(
    record: Annotated[Path | None, typer.Argument(help="A record that `--out` wrote.")] = None,
    brief: Annotated[bool, typer.Option("--brief", help="Only what is wanted of the students.")] = False,
    pages: Annotated[list[Path] | None, typer.Option("--refresh", help="Renew the tables of this page.")] = None,
) -> None:
    """Render a record as Markdown, or renew the tables of pages, whose marks name their records."""
    from components.artefacts import write_text
    from components.evaluation.benchmarking.pages import refreshed
    from components.evaluation.benchmarking.record import read_record
    from components.evaluation.benchmarking.tables import markdown

    if (record is None) == (not pages):
        raise typer.BadParameter("name a record, or pages to refresh")
    if record is not None:
        typer.echo(markdown(read_record(record), brief=brief), nl=False)
    for page in pages or ():
        write_text(page, refreshed(page.read_text(encoding="utf-8"), Path.cwd()))


def _measured(benchmark: Benchmark, out: Path | None, *, as_json: bool) -> Record:
    """Measure, and show and write what was measured, also where it is interrupted."""
    from components.evaluation.benchmarking.record import write_record

    try:
        return benchmark.run()
    finally:
        _tell("")
        record = benchmark.record()
        if record.rows:
            if out is not None:
                write_record(out, record)
            if as_json:
                typer.echo(record.model_dump_json(indent=2))
            else:
                _show(record)


def _tell(line: str) -> None:
    """Progress on one line of a terminal, which the next one overwrites; nothing where nobody looks."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{line}")
        sys.stderr.flush()


def _show(record: Record) -> None:
    from rich.console import Console
    from rich.table import Table

    from components.evaluation.benchmarking.tables import machine_line, tables

    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    console.print(machine_line(record))
    for each in tables(record):
        table = Table(title=each.title)
        for index, heading in enumerate(each.headings):
            table.add_column(heading, justify="right" if index else "left", no_wrap=not index)
        for row in each.rows:
            table.add_row(*row)
        console.print(table)
    for left_out in record.left_out:
        console.print(f"left out: {left_out.key}: {left_out.reason}")


def _warn(record: Record, kept: Record) -> None:
    """Say what is far from a record that was kept; that is never a failure."""
    from components.evaluation.benchmarking.comparing import compare

    found = compare(record, kept)
    for notice in found.notices:
        typer.echo(f"warning: {notice}", err=True)
    typer.echo(f"{found.figures} figures stand in both records, {len(found.notices)} are far apart", err=True)
