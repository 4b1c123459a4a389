"""`sonoforge monitor`: whether the traffic that a model serves still is what it was built on.

Leaves out: what is judged and how (components/monitoring), asking for retraining (pipelines/monitor.py).
"""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.errors import ArtefactError
from components.places import SIGNALS_VARIABLE, audit_folder, signals_folder
from pipelines.commands.model_ref import REF_HELP, Chosen, default_model, resolve

if TYPE_CHECKING:
    from components.monitoring.report import Report


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("monitor")(monitor)


def monitor(
    signals: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help=f"Of what the service wrote; else {SIGNALS_VARIABLE}, else `signals` beside the audit log.",
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help=f"{REF_HELP}; default: the one in use.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day of the first window to show (UTC).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the report as an HTML page to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Whether served traffic has changed: STEADY, DRIFT (exit code 1) or INSUFFICIENT. An early warning, no verdict."""
    from components.monitoring.report import as_json as report_as_json
    from pipelines.runtime.environment import prepare, project_root

    root = project_root()
    prepare(root)
    chosen = default_model(root) if model is None else resolve(root, model)
    if chosen.warning:
        typer.echo(f"Warning: {chosen.warning}", err=True)
    today = datetime.now(UTC).date()
    report = make_report(root, chosen, signals, today=today, since=None if since is None else since.date())
    if out is not None:
        from components.artefacts import write_text
        from components.monitoring.page import page_html

        write_text(out, page_html(report))
    if as_json:
        typer.echo(json.dumps(report_as_json(report), indent=2))
    else:
        _tell(report, chosen, out)
    if report.newest.verdict == "DRIFT":
        raise typer.Exit(1)


def make_report(root: Path, chosen: Chosen, signals: Path | None, *, today: date, since: date | None = None) -> Report:
    """Judge a folder of signals for a model; by default the one that the service writes here.

    Raises
    ------
    ArtefactError
        If there is no such folder, or the model's reference is broken.
    """
    from components.artefacts import read_description
    from components.monitoring.report import look
    from components.params import load_params
    from components.promptable.reference import find_reference

    folder = signals or signals_folder(os.environ, audit=audit_folder(os.environ, root=root))
    if not folder.is_dir():
        raise ArtefactError(
            f"{folder} is no folder",
            expected="the signals that the service keeps of its traffic",
            remedy="serve the model (`make serve`), or name the service's folder with --signals",
        )
    description = read_description(chosen.folder)
    reference = find_reference(chosen.folder, model_digest=description.digest)
    params = load_params(root / "params.yaml").monitor
    return look(folder, description, reference, params=params, today=today, since=since)


def _tell(report: Report, chosen: Chosen, out: Path | None) -> None:
    newest, name = report.newest, report.description.name
    phantom = ", PHANTOM" if report.phantom else ""
    typer.echo(f"{newest.verdict}: {name} ({chosen.told}{phantom}), {newest.window.told}")
    for line in (*newest.reasons, *report.notes):
        typer.echo(f"  - {line}")
    for one in report.judgements[:-1]:
        changed = ", ".join(dict.fromkeys(found.signal.words for found in one.drifted))
        typer.echo(f"before, {one.window.told}: {one.verdict}{f' ({changed})' if changed else ''}")
    if newest.verdict == "DRIFT":
        typer.echo("An early warning, no verdict on the model: look at what has changed, and at outlines.")
    if out is not None:
        typer.echo(f"page: {out}")
