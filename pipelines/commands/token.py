"""`sonoforge token`: a token for a person or a program that asks the service, and its end.

The token is printed once and kept nowhere; the file gets its sha256. Leaves out: who may ask (serving/access).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from components.errors import AccessError
from components.params import AccessRole


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("token")(token)


def token(
    name: Annotated[str, typer.Argument(help="Whose it is; the audit log names it.")],
    role: Annotated[AccessRole, typer.Option("--role", help="What it is good for.")] = "use",
    days: Annotated[int | None, typer.Option("--days", min=1, max=3650, help="Days until it expires.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", envvar="SONOFORGE_TOKENS", help="The file of tokens.", show_envvar=True)
    ] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the token of this name out of the file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Make a token for the service, or revoke one."""
    from components.tokens import make_token, revoke_token

    if file is None:
        raise AccessError(
            "no file of tokens is named", expected="--file, or $SONOFORGE_TOKENS", remedy="name it; it is made anew"
        )
    if revoke:
        revoke_token(file, name)
        typer.echo(json.dumps({"revoked": name}) if as_json else f"revoked {name}; a running service knows it no more")
        return
    now = datetime.now(UTC).replace(microsecond=0)
    expires = None if days is None else now + timedelta(days=days)
    made = make_token(file, name, role=role, now=now, expires=expires)
    if as_json:
        told = {"name": name, "role": role, "token": made, "expires": expires.isoformat() if expires else None}
        typer.echo(json.dumps(told))
        return
    typer.echo(made)
    until = "" if expires is None else f", until {expires:%Y-%m-%d}"
    typer.echo(f"for {name}, {role}{until}; it isn't shown again. {file} keeps its sha256 only.", err=True)
