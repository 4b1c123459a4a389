"""`sonoforge bench`: what models cost on this machine, ours beside others', as tables and a JSON file.

`bench data` times what surrounds the models, `bench table` renders a record as Markdown. Leaves out: how anything is
measured (components/evaluation/benchmarking).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.bench_data import bench_data
from pipelines.commands.bench_inputs import (
    LEAST_PX,
    MOST_PX,
    SIZE_HELP,
    input_sizes,
    new_file,
    refuse_before_subcommand,
)
from pipelines.commands.bench_screen import Progress, show

if TYPE_CHECKING:
    from components.evaluation.benchmarking.benchmark import Plan
    from components.evaluation.benchmarking.catalogue import Variant
    from components.evaluation.benchmarking.record import Record

SIZES_PX = (256, 512, 1024)
_SIZES = ", ".join(str(each) for each in SIZES_PX)

app = typer.Typer(help="What models cost on this machine, and what surrounds them.", invoke_without_command=True)
app.command("data")(bench_data)


@app.callback()
def bench(
    context: typer.Context,
    size: Annotated[
        list[int] | None,
        typer.Option(
            help=f"{SIZE_HELP} Repeat it. Default: {_SIZES}.", min=LEAST_PX, max=MOST_PX, callback=input_sizes
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds, at most; slow models get fewer.")] = 9,
    minutes: Annotated[float, typer.Option(min=0.0, help="About how long it may take; each model runs once.")] = 12,
    batch: Annotated[int, typer.Option(min=0, help="Images in a batch, for throughput; 0: none.")] = 4,
    only: Annotated[list[str] | None, typer.Option(help="Models whose name holds this; repeat it.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="But not those whose name holds this; repeat it.")] = None,
    model: Annotated[list[Path] | None, typer.Option(help="A student's model folder, beside random weights.")] = None,
    memory: Annotated[bool, typer.Option(help="Measure memory, each model in a process of its own.")] = True,
    compare: Annotated[Path | None, typer.Option(help="Warn where ratios are far from this record's.")] = None,
    names: Annotated[bool, typer.Option("--list", help="Print the names of what would be measured, and end.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the JSON here, as far as it got, also on Ctrl-C.", callback=new_file),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Time encoder, a click, and file to mask: students, teacher, SAM2.1 and others, by each runtime that is here.

    Weights are random, which cost what trained ones do. Rounds are interleaved, so ratios hold on a busy machine.
    """
    if context.invoked_subcommand is not None:
        refuse_before_subcommand(context)
        return
    from components.evaluation.benchmarking.benchmark import Plan, chosen
    from components.evaluation.benchmarking.record import read_record
    from components.params import load_params

    kept = None if compare is None else read_record(compare)
    params, models = load_params(Path("params.yaml")), tuple(model or ())
    variants = chosen(params, models, tuple(size or SIZES_PX), only=tuple(only or ()), skip=tuple(skip or ()))
    if names:
        _list(variants, as_json=as_json)
        return
    plan = Plan(params, variants, models, rounds=rounds, minutes=minutes, batch=batch, memory=memory)
    record = _measured(plan, out, as_json=as_json)
    if kept is not None:
        _warn(record, kept, str(compare))
    if not record.rows:
        raise typer.Exit(1)


@app.command("table")
def bench_table(
    record: Annotated[Path | None, typer.Argument(help="A record that `--out` wrote.")] = None,
    brief: Annotated[bool, typer.Option("--brief", help="Only what is wanted of the students, at 1024 px.")] = False,
    pages: Annotated[
        list[Path] | None, typer.Option("--refresh", help="Renew the tables of this page.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Render a record as Markdown, or renew the tables of pages, whose marks name their records."""
    from components.evaluation.benchmarking.record import read_record
    from components.evaluation.benchmarking.tables import markdown

    if (record is None) == (not pages):
        raise typer.BadParameter("name a record, or pages to refresh")
    if record is not None:
        typer.echo(markdown(read_record(record), brief=brief), nl=False)
    for page in pages or ():
        _refresh(page)


def _refresh(page: Path) -> None:
    """Renew a page, and say how many of its tables have a record, and which records are missing."""
    from components.artefacts import write_text
    from components.evaluation.benchmarking.pages import named, refreshed

    try:
        text = page.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{page} isn't text in UTF-8", param_hint="--refresh") from None
    places = named(text)
    if (new := refreshed(text, Path.cwd())) != text:
        write_text(page, new)
    there = [each for each in places if Path(each).is_file()]
    typer.echo(f"{page}: {len(there)} {'table' if len(there) == 1 else 'tables'} renewed")
    for missing in dict.fromkeys(each for each in places if each not in there):
        typer.echo(f"{page}: there is no record {missing} (`sonoforge bench --out {missing}`)")
    if not places:
        typer.echo(f"{page}: no place is marked for a table (docs/speed.md is an example)")


def _list(variants: Sequence[Variant], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([{"key": each.key, **asdict(each)} for each in variants], indent=2))
    else:
        typer.echo("\n".join(each.key for each in variants))


def _measured(plan: Plan, out: Path | None, *, as_json: bool) -> Record:
    """Measure, and show and write what was measured, also where it is interrupted."""
    from components.evaluation.benchmarking.benchmark import Benchmark, left_behind
    from components.evaluation.benchmarking.record import write_record

    for folder in left_behind():
        typer.echo(f"a measurement that was killed left {folder}, which nothing needs: remove it", err=True)
    progress = Progress(sys.stderr)
    benchmark = Benchmark.of(plan, progress.tell)
    try:
        return benchmark.run()
    finally:
        progress.end()
        record = benchmark.record()
        # Written first: what is shown may go into a pipe that is closed, or to a terminal that can't show it.
        if out is not None and record.rows:
            write_record(out, record)
            typer.echo(f"written to {out}", err=True)
        elif out is not None:
            typer.echo(f"nothing was measured, so {out} isn't written", err=True)
        if as_json:
            typer.echo(record.model_dump_json(indent=2))
        else:
            show(record)


def _warn(record: Record, kept: Record, name: str) -> None:
    """Say what is far from a record that was kept; that is never a failure."""
    from components.evaluation.benchmarking.comparing import compare

    found = compare(record, kept)
    for notice in found.notices:
        typer.echo(f"warning: {notice}", err=True)
    if found.figures:
        typer.echo(f"{name}: {found.figures} figures stand in both, far apart: {len(found.notices)}", err=True)
    else:
        sizes = ", ".join(str(each) for each in kept.settings.sizes_px)
        typer.echo(f"warning: {name} (at {sizes} px) has no figure of this run: nothing was compared", err=True)
