"""`sonoforge serve`: the promoted model behind the endpoint and its web page, on this machine only by default.

Leaves out: the service itself (serving/service.py), which runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from components.errors import ArtefactError
from pipelines.commands.segment import CHAMPION, choose_model

SERVICE = "serving.service:SonoForge"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("serve")(serve)


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 3000,
    model: Annotated[
        str, typer.Option("--model", metavar="REF", help="A model folder, or `champion`: the released model.")
    ] = CHAMPION,
    as_json: Annotated[bool, typer.Option("--json", help="Say as JSON what is served, and where.")] = False,
) -> None:
    """Serve a model and its web page until Ctrl-C."""
    from components.release.promote import checked_description

    root = Path.cwd()
    chosen = choose_model(model, root=root)
    # Checked here already, because BentoML starts a service that can't load its model again and again.
    description = checked_description(chosen.folder)
    if description.kind != "student":
        raise ArtefactError(
            f"{chosen.folder} holds a {description.kind}", expected="a student", remedy="name a student's folder"
        )
    address = f"http://{host}:{port}"
    told = {"address": address, "model": description.name, "ref": chosen.told, "digest": description.digest}
    if as_json:
        typer.echo(json.dumps(told))
    else:
        typer.echo(f"serving {chosen.told}: {description.name}, weights {description.digest[:12]}, on {address}")
        if host not in LOOPBACK:
            typer.echo("anyone who reaches this address may use it: there is no login", err=True)
    sys.stdout.flush()
    bentoml = Path(sys.executable).with_name("bentoml")
    environment = {
        **os.environ,
        "SONOFORGE_MODEL": str(chosen.folder.resolve()),
        "BENTOML_DO_NOT_TRACK": "true",
        "BENTOML_HOME": os.environ.get("BENTOML_HOME", str(root / ".bentoml")),
    }
    command = [str(bentoml), "serve", SERVICE, "--host", host, "--port", str(port), "--working-dir", str(_sources())]
    # The server takes this process's place, so that Ctrl-C and a supervisor's signals reach it directly.
    os.execve(bentoml, command, environment)


def _sources() -> Path:
    """The folder that holds the package `serving`."""
    return Path(__file__).resolve().parents[2]
