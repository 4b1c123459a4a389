"""`sonoforge approve`: a person's approval of the gate's verdict, where `gate.require_approval` asks for one.

Leaves out: what an approval is (components/release/approval.py), and the promotion that needs it.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipelines.commands.model_ref import REF_HELP, resolve


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("approve")(approve)


def approve(
    reason: Annotated[
        str, typer.Option("--reason", help="What was looked at, and why it is good; kept in the ledger.")
    ],
    ref: Annotated[str, typer.Argument(help=f"{REF_HELP}.")] = "student",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Approve a verdict by hand: reports/gate.json, or that of a released model. A change of it voids the approval."""
    from components.release.approval import approve as enter
    from components.release.judged import is_released
    from components.release.records.ledger import as_json as entries_as_json
    from components.release.records.promotion import actor
    from pipelines.runtime.environment import prepare, project_root

    root = project_root()
    prepare(root)
    folder = resolve(root, ref).folder
    gate = folder / "gate.json" if is_released(root, folder) else root / "reports/gate.json"
    entry = enter(root, gate, reason=reason, who=actor())
    if as_json:
        typer.echo(json.dumps(entries_as_json([entry])[0], indent=2))
        return
    typer.echo(f"approved by {entry.who}: weights {str(entry.candidate)[:12]}, verdict {str(entry.gate_sha256)[:12]}")
    typer.echo(f"to bring it into use: `sonoforge promote {ref}`")
