"""`sonoforge run`: the graph, then the table of results, the verdict, and where everything is.

Leaves out: how the graph runs (pipelines/graph.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.errors import ParamsError

if TYPE_CHECKING:
    from pipelines.graph import GraphRun

PAGE, PULL_REQUEST = "reports/report.html", "reports/pull_request.md"


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("run")(run)


def run(
    stage: Annotated[
        str | None, typer.Argument(help="One stage with all it needs; the whole graph if left out.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change params.yaml first; null removes a key. Repeatable."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the results as JSON; progress goes to stderr.")
    ] = False,
) -> None:
    """Bring the graph up to date: run what has changed and all that depends on it, and nothing else."""
    from pipelines.graph import one_at_a_time, run_graph
    from pipelines.runtime.environment import project_root

    def say(line: str) -> None:
        typer.echo(line, err=as_json)

    root = project_root()
    with one_at_a_time(root, say=say):
        try:
            _prepare(root, stage, assignments or [], say=say)
        except ParamsError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(2) from None
        done = run_graph(root, target=stage, say=say)
    if as_json:
        typer.echo(json.dumps(as_record(done), indent=2))
    elif stage is None:
        _tell(done, root)
    else:
        typer.echo(f"{len(done.ran)} stages ran for {stage}. `sonoforge run` brings the rest up to date and shows it.")


def _prepare(root: Path, stage: str | None, assignments: list[str], *, say: Callable[[str], None]) -> None:
    """Check what was asked for, and change params.yaml."""
    from components.params import load_params
    from pipelines.graph import check_stage, set_params

    for change in set_params(root, assignments):
        say(f"params.yaml: {change}")
    if stage is not None:
        check_stage(stage, load_params(root / "params.yaml").datasets)


def as_record(done: GraphRun) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "schema": 1,
        "ran": list(done.ran),
        "internal": done.internal,
        "external": done.external,
        "gate": done.gate,
        "promotion": done.promotion,
    }


def _tell(done: GraphRun, root: Path) -> None:
    from rich.console import Console

    from components.evaluation.reporting.console import console_table
    from components.params import load_params

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)  # A log has no width of its own.
    console.print()
    prompt = load_params(root / "params.yaml").gate.skill_prompt
    for role, metrics in (("Internal", done.internal), ("External", done.external)):
        if metrics is not None and metrics["datasets"]:
            console.print(console_table(metrics, title=f"{role} validation", prompt=prompt, width=console.width))
    if done.gate is not None:
        phantom = " (PHANTOM images took part in training or judging)" if done.gate["phantom"] else ""
        console.print(f"Verdict: {done.gate['verdict']}{phantom}", markup=False)
        for check in done.gate["checks"]:
            if check["verdict"] != "PASS":
                console.print(f"  - {check['verdict']}: {check['reason']}", markup=False, soft_wrap=True)
    for line in _places(done, root):
        console.print(line, markup=False, soft_wrap=True)
    if done.ran:
        console.print(f"{len(done.ran)} stages ran.", markup=False)
    else:
        console.print("Nothing had to run: everything is up to date.", markup=False)


def _places(done: GraphRun, root: Path) -> list[str]:
    lines = []
    if (root / PAGE).is_file():
        lines.append(f"Report:   {PAGE}   (open it in a browser; {PULL_REQUEST} is for a pull request)")
    if (root / "reports/internal/report.md").is_file():
        lines.append("Details:  reports/internal/report.md, reports/external/report.md, reports/data/*/docs/index.html")
    if (root / "models/student").is_dir():
        lines.append("Model:    models/student")
    if done.promotion is not None:
        folder = done.promotion["folder"]
        released = f"{folder}, Bento {done.promotion['bento']}" if folder else "no; reports/promotion.json says why"
        lines.append(f"Released: {released}")
    if done.promotion is not None and done.promotion["to"] is not None:
        lines.append("Next:     make serve   (the web page is on http://127.0.0.1:3000)")
    elif (root / "models/student").is_dir():
        lines.append(
            "Next:     .venv/bin/sonoforge segment IMAGE --box X0 Y0 X1 Y1 --model models/student --out mask.png"
        )
    return lines
