"""`sonoforge data …`: the datasets of the project, what is wrong with one, and how real data come in.

Exit codes: 0 clean, 1 faults (or an import that failed), 2 misuse. Leaves out: the checks themselves
(components/intake).
"""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from components.contract import CONTRACTS, Contract, contract_names, licence_answers, load_contract
from components.errors import ContractError, LayoutError, SonoForgeError
from components.params import PHANTOM_SOURCE
from pipelines.commands import data_page, data_schema, data_show, data_sides
from pipelines.commands.data_places import HARMONISED, IMPORTS, MISUSE, RAW

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from components.engines import Engine, Progress
    from components.intake.arrival.import_record import ImportRecord
    from components.intake.imports import Imported
    from components.intake.validate_data import Checked

app = typer.Typer(help="The datasets: list them, look at one, check one, bring one in.", no_args_is_help=True)

PARAMS = Path("params.yaml")
FAULTY = 1
STEPS = ("images checked", "pairs compared")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Threads that decode images, where the engine is threads.")]


@app.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """All datasets that have a contract: role, what the licence allows, where they come from, and what is here."""
    try:
        rows = [_row(load_contract(name)) for name in contract_names()]
    except (ContractError, LayoutError) as error:
        _stop(error, MISUSE)
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    columns = shutil.get_terminal_size().columns
    for line in _table(rows):
        typer.echo(line)
    for row in rows:
        typer.echo(f"\n{row['name']}: {row['anatomy']}, {row['role']}")
        for line in textwrap.wrap(f"  licence: {row['licence']['stated']}", columns, subsequent_indent="    "):
            typer.echo(line)
        for use, answer in row["licence"]["answers"].items():
            for line in textwrap.wrap(f"  {use}: {answer}", columns, subsequent_indent="    "):
                typer.echo(line)
        typer.echo(f"  source: {row['source']}")
        if row["import"] is not None:
            typer.echo(f"  imported: {row['import']['line']}")
            typer.echo(f"  archive: {row['import']['published']['verdict']}; {row['import']['published']['reason']}")


@app.command()
def check(
    dataset: Annotated[str, typer.Argument(help="Name of the contract, such as busi.")],
    source: Annotated[
        Path | None,
        typer.Option(
            help="The dataset's folder or archive (.zip, .tar, .tar.gz, .tgz) in its original layout; "
            "default: what the graph or an import put here."
        ),
    ] = None,
    as_json: AsJson = False,
    workers: Workers = 2,
) -> None:
    """Check a folder or archive against its contract: every fault with file, reason and remedy."""
    from components.intake.arrival.archives import is_archive, opened_source
    from components.intake.layouts import phantom_notice
    from components.intake.validate_data import check_data

    contract = _contract(dataset)
    data_page.warn_of_copies(contract)
    folder = source or _default_source(contract)
    try:
        with opened_source(folder) as place, _progress(*STEPS, quiet=as_json) as (progress, pairs_progress):
            checked = check_data(
                contract,
                place,
                phantom=phantom_notice(place),
                engine=_engine(workers),
                progress=progress,
                pairs_progress=pairs_progress,
            )
    except (LayoutError, ContractError) as error:
        # An archive that can't be unpacked is the data's fault; a wrong name is its user's.
        _stop(error, FAULTY if folder.is_file() and is_archive(folder) else MISUSE)
    _print_checked(checked, folder, as_json=as_json)
    raise typer.Exit(0 if checked.sound else FAULTY)


@app.command("import")
def import_(
    dataset: Annotated[str, typer.Argument(help="Name of the contract, such as busi.")],
    path: Annotated[
        Path, typer.Argument(help="A folder, or a .zip, .tar, .tar.gz or .tgz file, in the original layout.")
    ],
    keep_phantoms: Annotated[
        bool,
        typer.Option("--keep-phantoms", help="Leave phantom datasets in the run; every table then says so."),
    ] = False,
    as_json: AsJson = False,
    workers: Workers = 2,
) -> None:
    """Check a dataset, copy it under DVC, and make params.yaml use it; nothing is half-imported."""
    from components.intake.imports import ImportFaultsError, import_dataset
    from pipelines.graph import one_at_a_time

    data_page.warn_of_copies(_contract(dataset))
    if not path.exists():
        _stop(LayoutError(f"no such path: {path}", expected="a folder or an archive", remedy="check the path"), MISUSE)
    try:
        with _progress(*STEPS, quiet=as_json) as (progress, pairs_progress):
            done = import_dataset(
                dataset,
                path,
                Path(),
                keep_phantoms=keep_phantoms,
                workers=workers,
                progress=progress,
                pairs_progress=pairs_progress,
                undisturbed=one_at_a_time(Path(), say=lambda line: typer.echo(line, err=True)),
            )
    except ImportFaultsError as error:
        if error.checked is not None:
            _print_checked(error.checked, path, as_json=as_json)
        _stop(error, FAULTY)
    except SonoForgeError as error:
        _stop(error, FAULTY)
    _print_imported(done, path, as_json=as_json)


data_schema.register(app)
data_show.register(app)
data_page.register(app)
data_sides.register(app)


def _row(contract: Contract) -> dict[str, Any]:
    """One dataset as JSON values: its contract in short, its place in the run, and what is here."""
    from components.intake.arrival.import_record import read_record

    manifest = HARMONISED / contract.role / contract.name
    images, phantom = _counted(manifest)
    record = read_record(IMPORTS / contract.name)
    return {
        "name": contract.name,
        "role": contract.role,
        "anatomy": contract.anatomy,
        "licence": contract.licence.model_dump() | {"answers": licence_answers(contract)},
        "source": contract.source.address,
        "obtain": contract.source.obtain,
        "run_source": _run_sources().get(contract.name),
        "raw": (RAW / contract.name).is_dir(),
        "imported": (IMPORTS / contract.name).is_dir(),
        "import": None if record is None else _import_row(record),
        "images": images,
        "phantom": phantom,
    }


def _import_row(record: ImportRecord) -> dict[str, Any]:
    """Where an import came from, as JSON values, and in one line to read."""
    return {**asdict(record), "line": record.line()}


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The datasets side by side, in aligned columns."""
    uses = ("train", "redistribute", "commercial")
    lines = [["dataset", "role", "images here", "in this run", "train", "pass on", "commercial"]]
    for row in rows:
        images = _images_here(row)
        permissions = [row["licence"][use] for use in uses]
        lines.append([row["name"], row["role"], images, _in_run(row["run_source"]), *permissions])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _images_here(row: dict[str, Any]) -> str:
    """How many images of a dataset are harmonised; of an import that isn't yet, that it is here."""
    stale = row["phantom"] and _in_run(row["run_source"]) == "import"
    if row["images"] is None or stale:
        return "imported" if row["imported"] else "none yet"
    return f"{row['images']}{' phantoms' if row['phantom'] else ''}"


def _in_run(source: str | None) -> str:
    """What of a dataset is in the run: phantoms, an import, another folder, or nothing."""
    if source is None:
        return "no"
    return "phantoms" if source == PHANTOM_SOURCE else "import" if Path(source).parent == IMPORTS else source


def _counted(manifest: Path) -> tuple[int | None, bool | None]:
    """How many harmonised images there are, and whether they are phantoms; None where there are none yet."""
    from components.intake.form.records import MANIFEST, read_manifest

    if not (manifest / MANIFEST).is_file():
        return None, None
    records = read_manifest(manifest)
    return len(records), any(record.phantom for record in records)


def _run_sources() -> dict[str, str]:
    from components.params import load_params

    if not PARAMS.is_file():
        return {}
    return {name: dataset.source for name, dataset in load_params(PARAMS).datasets.items()}


def _engine(workers: int) -> Engine:
    """The engine that params.yaml names; without that file, threads."""
    from components.engines import Threads
    from components.params import load_params
    from pipelines.runtime.engines import chosen_engine

    return chosen_engine(load_params(PARAMS).engine, workers=workers) if PARAMS.is_file() else Threads(workers)


def _contract(name: str) -> Contract:
    try:
        return load_contract(name, CONTRACTS)
    except ContractError as error:
        _stop(error, MISUSE)


def _default_source(contract: Contract) -> Path:
    """Where the graph or an import put the dataset."""
    here = [folder for folder in (RAW / contract.name, IMPORTS / contract.name) if folder.is_dir()]
    if not here:
        error = LayoutError(
            f"nothing of {contract.name} is here yet",
            expected=f"{RAW / contract.name} or {IMPORTS / contract.name}",
            remedy=f"name a folder with --source, run the stage ingest@{contract.name}, or get the data: "
            f"{contract.source.obtain}",
        )
        _stop(error, MISUSE)
    return here[0]


def _print_checked(checked: Checked, folder: Path, *, as_json: bool) -> None:
    from components.intake.faults import as_json as faults_as_json
    from components.intake.faults import as_text, counts
    from components.intake.validate_data import title

    if not as_json:
        typer.echo(as_text(checked.faults, title=title(checked), whole_list="what --json prints"))
        typer.echo("Sound." if checked.sound else "Not sound: mend the errors above.")
        return
    summary = {
        "schema": 1,
        "dataset": checked.dataset,
        "folder": folder.as_posix(),
        "phantom": checked.phantom,
        "images": len(checked.facts),
        "sound": checked.sound,
        "counts": counts(checked.faults),
        "faults": faults_as_json(checked.faults),
    }
    typer.echo(json.dumps(summary, indent=2, ensure_ascii=False))


def _print_imported(done: Imported, source: Path, *, as_json: bool) -> None:
    """What an import did, what its archive was compared with, and what to do next."""
    from components.intake.arrival.import_record import contract_lines
    from components.intake.layouts.reading import some_of

    published = done.record.published
    if published.verdict == "different":
        typer.echo(f"Warning: this isn't the published archive: {published.reason}.", err=True)
    if as_json:
        text = {
            "dataset": done.dataset,
            "folder": done.folder.as_posix(),
            "images": len(done.checked.facts),
            "import": _import_row(done.record),
            "changes": list(done.changes),
            "undo": list(done.undo),
            "left_out": list(done.left_out),
        }
        typer.echo(json.dumps(text, indent=2, ensure_ascii=False))
        return
    _print_checked(done.checked, source, as_json=False)
    typer.echo(f"Imported {len(done.checked.facts)} images to {done.folder.as_posix()} (under DVC).")
    for use, answer in licence_answers(load_contract(done.dataset)).items():
        typer.echo(f"Licence, {use}: {answer}.")
    if done.left_out:
        typer.echo(f"Not copied, as no part of the dataset: {len(done.left_out)} files ({some_of(done.left_out)}).")
    typer.echo(f"Recorded beside it: {done.record.line()}.")
    if published.verdict != "different":
        typer.echo(f"Compared with the published files: {published.verdict}; {published.reason}.")
    if published.verdict != "same" and done.record.sha256 is not None:
        typer.echo(f"If it is the authors' file, put this under source.places[].files in {done.dataset}.yaml:")
        typer.echo(f"  {contract_lines(done.record)}")
    typer.echo("Changed in params.yaml:" if done.changes else "Nothing to change in params.yaml: it names this import.")
    for change in done.changes:
        typer.echo(f"  {change}")
    typer.echo("To undo:")
    for command in done.undo:
        typer.echo(f"  {command}")
    place = done.folder.as_posix()
    added = f"git add params.yaml {place}.dvc {place}.json"
    if load_contract(done.dataset).role == "external":
        typer.echo(f"Next: {added}, then `dvc repro`")
        return
    typer.echo(f"Next: {added}")
    typer.echo("  sonoforge run split && sonoforge data keep-sides  # from then on no image changes its side")
    typer.echo("  git add data/sides.csv, commit all of it, then `sonoforge run`")


@contextmanager
def _progress(*steps: str, quiet: bool) -> Iterator[list[Progress | None]]:
    """A progress bar on stderr for each step, shown as soon as it begins, where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield [None for _ in steps]
        return
    with Bar(console=console, transient=True) as bar:
        tasks = [bar.add_task(step, visible=False) for step in steps]
        yield [partial(_show, bar, task) for task in tasks]


def _show(bar: Bar, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total, visible=True)


def _stop(error: SonoForgeError, code: int) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(code)
