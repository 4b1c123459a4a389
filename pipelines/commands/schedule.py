"""`sonoforge schedule`: a flow onto a Prefect work pool, once or at its times.

Leaves out: the flows (pipelines/retrain.py, pipelines/monitor.py), and workers, which Prefect's own command starts.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer


class FlowName(StrEnum):
    """The flows that may run without anybody at the keyboard."""

    RETRAIN = "retrain"
    MONITOR = "monitor"


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("schedule")(schedule)


def schedule(
    flow: Annotated[FlowName, typer.Argument(help="retrain: the graph up to the release; monitor: served traffic.")],
    pool: Annotated[str, typer.Option("--pool", help="The work pool; made where there is none.")],
    cron: Annotated[
        str | None, typer.Option("--cron", help="minute hour day month weekday, in UTC; without it, only when asked.")
    ] = None,
    if_asked: Annotated[
        bool,
        typer.Option("--if-asked", help="retrain: only where monitoring asked for it (reports/retrain_request.json)."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Deploy a flow to a Prefect work pool on the server that PREFECT_API_URL names. One run at a time; others wait."""
    from pipelines.runtime.environment import prepare, project_root
    from pipelines.schedule import deploy

    if if_asked and flow is not FlowName.RETRAIN:
        raise typer.BadParameter("only retrain is asked for", param_hint="--if-asked")
    root = project_root()
    prepare(root)
    parameters = {"root": str(root)} | ({"if_asked": True} if if_asked else {})
    name = deploy(flow.value, root, pool=pool, cron=cron, parameters=parameters)
    worker = f"prefect worker start --pool {pool} --type process"
    if as_json:
        typer.echo(json.dumps({"deployment": name, "pool": pool, "cron": cron, "worker": worker}))
        return
    typer.echo(f"{name}: {f'at {cron} (UTC)' if cron else 'when asked'} on the pool {pool}, in {root}")
    typer.echo(f"a worker of this machine: `{worker}`; now: `prefect deployment run {name}`")
