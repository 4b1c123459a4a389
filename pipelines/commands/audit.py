"""`sonoforge audit`: whether the log of predictions is what was written, what stands in it, and its head.

`verify` exits with 0 if it is sound, 1 if not; all exit with 2 on misuse. Leaves out: writing the log, which the
service does (serving); what its entries mean (docs/audit.md).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.marking import visible
from components.places import AUDIT_VARIABLE, audit_folder

if TYPE_CHECKING:
    from components.audit.entries import Kind
    from components.audit.reading import Found
    from components.audit.verifying import Verified

app = typer.Typer(help="The log of predictions: verify it, look into it, keep its head.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Log = Annotated[
    Path | None,
    typer.Option(
        "--log", metavar="FOLDER", help=f"The log's folder; else {AUDIT_VARIABLE}, else `audit` of the project."
    ),
]


def log_folder(given: Path | None) -> Path:
    """The folder that was asked for, that of the environment, or the project's own."""
    from pipelines.runtime.environment import project_root

    return given or audit_folder(os.environ, root=project_root())


@app.command("verify")
def verify(
    log: Log = None,
    head: Annotated[
        str | None, typer.Option("--head", metavar="DIGEST", help="The digest of an entry that you kept elsewhere.")
    ] = None,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="DIGEST", help="With which digest the files ended that are in an archive."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Whether each line, link and file of the log, and its end, are what was written; exits with 1 if not."""
    from components.audit.verifying import verify as check

    for name, digest in (("--head", head), ("--after", after)):
        if digest is not None and not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise typer.BadParameter("all 64 digits of a digest, as `sonoforge audit head` prints it", param_hint=name)
    found = check(log_folder(log), head=head, after=after)
    if as_json:
        typer.echo(json.dumps({"sound": found.is_sound, **asdict(found)}, indent=2))
    else:
        _tell(found)
    if not found.is_sound:
        raise typer.Exit(1)


@app.command("show")
def show(
    log: Log = None,
    prediction: Annotated[str | None, typer.Option("--prediction", metavar="ID", help="What concerns it.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="2026-11-22, or 2026-11-22T14:30.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Before this time. UTC unless it says.")
    ] = None,
    who: Annotated[str | None, typer.Option("--who", help="Of this person.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="DIGEST", help="Naming these weights; six digits are enough.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="prediction, feedback, export, switch, start, …")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each entry as JSON on a line of its own.")] = False,
) -> None:
    """Entries of the log, oldest first, by what is asked for; all of them if nothing is."""
    from components.audit.reading import read

    if prediction is not None and not re.fullmatch(r"[0-9a-f]{32}", prediction):
        raise typer.BadParameter("32 hexadecimal digits", param_hint="--prediction")
    if model is not None and not re.fullmatch(r"[0-9a-f]{6,64}", model):
        raise typer.BadParameter("at least six digits of the weights' sha256", param_hint="--model")
    entries = read(
        log_folder(log),
        since=_time(since, "--since"),
        until=_time(until, "--until"),
        kinds=_kinds(kind),
        containing=[digits for digits in (prediction or model,) if digits],
    )
    for found in entries:
        if _is_of(found, who=who, model=model):
            line = found.line.model_dump(mode="json")
            typer.echo(json.dumps(line) if as_json else told(line))


@app.command("head")
def head(log: Log = None, as_json: AsJson = False) -> None:
    """The log's last entry by its digest: keep it elsewhere, and `verify --head` shows that all before it stayed."""
    from components.audit.reading import last_line, log_id

    folder = log_folder(log)
    line = last_line(folder).line
    if as_json:
        typer.echo(json.dumps({"log": log_id(folder), "entry": line.n, "at": line.at, "digest": line.digest}, indent=2))
    else:
        typer.echo(line.digest)


@app.command("accept")
def accept(
    reason: Annotated[str, typer.Option("--reason", help="How it came to be so, and who looked; it is entered.")],
    log: Log = None,
) -> None:
    """Go on with a log that doesn't end where it was left (cut, restored, or moved here without its end)."""
    from pydantic import ValidationError

    from components.audit.entries import Accepted
    from components.audit.log import AuditLog
    from components.errors import plainly
    from components.release.records.promotion import actor

    try:
        Accepted(who=actor(), why=reason.strip(), left=None)
    except ValidationError as error:
        raise typer.BadParameter(plainly(error.errors()[0]["msg"]), param_hint="--reason") from None
    with AuditLog.open(log_folder(log), accept=(actor(), reason.strip())) as opened:
        typer.echo(f"accepted as entry {opened.head.n}: {opened.head.digest}")


def _tell(found: Verified) -> None:
    if found.is_sound:
        typer.echo(f"sound: {found.entries:,} entries in {found.files} files of the log {found.log or 'that has none'}")
        typer.echo(f"head: entry {found.last:,}, {found.head}")
        if found.since_head is not None:
            typer.echo(f"the head that was kept is in it, {found.since_head:,} entries ago")
        else:
            typer.echo(
                "whoever may write the log could have written all of it anew: keep the head elsewhere, give --head"
            )
        return
    for fault in found.faults:
        typer.echo(f"{fault.file}{f', line {fault.line}' if fault.line else ''}: {visible(fault.found)}")
        typer.echo(f"  expected: {visible(fault.expected)}")
        typer.echo(f"  what to do: {fault.remedy}")
    more = f", and {found.more_faults:,} more" if found.more_faults else ""
    count = len(found.faults)
    typer.echo(f"{count} fault{'s' if count > 1 else ''}{more} in {found.entries:,} entries, {found.files} files")


def _time(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a date or time such as 2026-11-22T14:30", param_hint=option) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _kinds(given: str | None) -> tuple[Kind, ...]:
    from typing import get_args

    from components.audit.entries import Kind

    if given is None:
        return ()
    if given not in get_args(Kind):
        raise typer.BadParameter(f"one of {', '.join(get_args(Kind))}", param_hint="--kind")
    return tuple(kind for kind in get_args(Kind) if kind == given)


def _is_of(found: Found, *, who: str | None, model: str | None) -> bool:
    entry = found.line.entry
    if who is not None and getattr(entry, "who", None) != who:
        return False
    models = [getattr(entry, name, None) for name in ("model", "came", "went")]
    return model is None or any(used is not None and used.digest.startswith(model) for used in models)


def told(line: Mapping[str, Any]) -> str:
    """An entry, as `--json` gives it, on one line: its parts as `name value`, those that are empty left out."""
    entry = {name: value for name, value in line["entry"].items() if name != "kind"}
    return visible(f"{line['n']:>7}  {line['at']}  {line['entry']['kind']:<10} {_short(entry)}")


def _short(value: Any) -> str:
    """A value for people: digests by their first digits, numbers to four, parts as `name value`."""
    if isinstance(value, dict):
        named = [(name, each) for name, each in value.items() if each is not None and each != []]
        return "  ".join(_short(each) if name == "digest" else f"{name} {_short(each)}" for name, each in named)
    if isinstance(value, list):
        return f"[{'; '.join(_short(each) for each in value)}]"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value[:12] if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) else str(value)
