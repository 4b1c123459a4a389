"""`sonoforge data schema`: what each column of a harmonised dataset's manifest means.

Leaves out: the wording (components/intake/form/manifest_schema.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from components.artefacts import write_json, write_text


def register(app: typer.Typer) -> None:
    """Add the command to `sonoforge data`."""
    app.command("schema")(schema)


def schema(
    out: Annotated[Path | None, typer.Option(help="Write the page and the JSON Schema to this folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON Schema of a row.")] = False,
) -> None:
    """The manifest's columns: name, type, unit and meaning."""
    from components.intake.form.manifest_schema import JSON_SCHEMA, PAGE, json_schema, schema_page

    if out is not None:
        write_text(out / PAGE, schema_page())
        write_json(out / JSON_SCHEMA, json_schema())
        typer.echo(f"{(out / PAGE).as_posix()}\n{(out / JSON_SCHEMA).as_posix()}")
    elif as_json:
        typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    else:
        typer.echo(schema_page(), nl=False)
