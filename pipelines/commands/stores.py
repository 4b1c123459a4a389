"""`sonoforge stores`: where data and records go, and whether each of these places answers now.

Leaves out: how they are asked (pipelines/stores.py).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

LIMIT_S = 60.0


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("stores")(stores)


def stores(
    limit_s: Annotated[float, typer.Option("--limit-s", min=1, help="Seconds that each may take.")] = LIMIT_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask DVC's remotes, MLflow's records and Prefect whether they answer; exit code 1 where one doesn't."""
    from pipelines.runtime.environment import prepare, project_root
    from pipelines.stores import look_at_stores

    root = project_root()
    prepare(root)
    found = look_at_stores(root, limit_s=limit_s)
    if as_json:
        typer.echo(json.dumps([asdict(store) for store in found], indent=2))
    else:
        for store in found:
            typer.echo(f"{store.state:8}{store.name}: {store.place or '-'}\n        {store.found}")
            if store.expected:
                typer.echo(f"        expected: {store.expected}")
            if store.remedy:
                typer.echo(f"        what to do: {store.remedy}")
    if any(store.state == "fails" for store in found):
        raise typer.Exit(1)
