"""`sonoforge models`, `promote`, `rollback`, `accept-ledger`, `trace`: the registry, and the way back to data and code.

Leaves out: what a promotion is (components/release).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.errors import ReleaseError
from components.release.records.words import shown
from pipelines.commands.audit import log_folder, told
from pipelines.commands.model_ref import REF_HELP, resolve

if TYPE_CHECKING:
    from components.release.records.promotion import Promotion

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
REPORTS = Path("reports")


def register(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command("models")(models)
    app.command("promote")(promote)
    app.command("rollback")(rollback)
    app.command("accept-ledger")(accept_ledger)
    app.command("trace")(trace)


def models(as_json: AsJson = False) -> None:
    """All released models, and which one is in use."""
    from components.release.records.in_use import models_table

    rows = models_table(_root())
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        typer.echo("No model is released yet. The graph's last stage releases one if the gate says PASS: `dvc repro`.")
        for refused in _refusals(_root()):
            typer.echo(f"  {refused}")
        return
    for row in rows:
        phantom = "phantom-trained" if row["phantom"] else ""
        words = [row["digest"][:12], f"version {row['version']}", row["name"], row["alias"], phantom]
        typer.echo(
            "  ".join(str(word) for word in words if word) + f"  since {row['promoted_at']} by {shown(row['by'])}"
        )


def promote(
    ref: Annotated[
        str,
        typer.Argument(help=f"{REF_HELP}."),
    ],
    as_json: AsJson = False,
) -> None:
    """Bring a model into use and build its Bento, if its gate says PASS; else record the refusal and exit with 1."""
    from components.artefacts import read_description
    from components.params import load_params
    from components.release.documents.statements import STATEMENTS, read_statements
    from components.release.judged import NO_METRICS, is_released, read_metrics
    from components.release.packing.packaged import PACKAGE
    from components.release.promote import promote as release
    from components.tracking import find_run

    root = _root()
    chosen = resolve(root, ref).folder
    # A released model keeps the verdict and the card that it was given; today's reports are of another. What any other
    # folder brings with it counts for nothing.
    released = is_released(root, chosen)
    folder = chosen if released else _candidate(root, chosen)
    done = release(
        root,
        model=folder,
        gate=chosen / "gate.json" if released else root / REPORTS / "gate.json",
        params=load_params(root / "params.yaml").gate,
        by_hand=True,
        package=None if released else root / PACKAGE,
        internal=NO_METRICS if released else read_metrics(root, "internal"),
        external=NO_METRICS if released else read_metrics(root, "external"),
        statements=read_statements(root / STATEMENTS),
        run_id=find_run(root, digest=read_description(folder).digest),
        pack=partial(_bento, root),
    )
    _tell(done, as_json=as_json)
    if done.action == "refused":
        raise typer.Exit(1)


def rollback(
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the ledger.")] = "asked for by hand",
    as_json: AsJson = False,
) -> None:
    """Bring the former model back into use. A running service of the champion changes over by itself."""
    from components.release.records.in_use import rollback as go_back

    root = _root()
    done = go_back(root, reason=reason)
    _tell(done, as_json=as_json)


def accept_ledger(
    reason: Annotated[
        str, typer.Option("--reason", help="How it came to be so, and who looked; it goes into the ledger.")
    ],
    as_json: AsJson = False,
) -> None:
    """Go on with a ledger that doesn't end where it was left (cut, restored, or moved here without its anchor)."""
    from components.release.records.in_use import accept_ledger as accept
    from components.release.records.ledger import as_json as entries_as_json

    entry = accept(_root(), reason=reason)
    if as_json:
        typer.echo(json.dumps(entries_as_json([entry])[0], indent=2))
        return
    typer.echo(f"accepted by {shown(entry.who)} as entry {entry.number}: {shown(entry.reason)}")
    typer.echo(f"in use: {f'weights {entry.target[:12]}' if entry.target else 'no model'}")


def trace(
    identifier: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A case (busi/IMAGE/OBJECT), mask or exported file, alias, student, candidate, model folder, version, "
            "MLflow run, Bento tag, digits of a digest or commit, or a prediction, mask or image of the audit log.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Where a mask, prediction, model, run, version or Bento comes from: data, code, parameters, seeds, ledger."""
    from components.release.trace import trace as find

    found = find(_root(), identifier, log=log_folder(None))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo(f"{found['id']}: {found['kind']}")
    for key, value in found["about"].items():
        if key == "masks":
            for line in _mask_lines(value):
                typer.echo(line)
        elif key == "entries":
            for entry in value:
                typer.echo(f"  {told(entry).lstrip()}")
        else:
            typer.echo(f"  {key}: {json.dumps(value) if isinstance(value, dict | list) else shown(str(value))}")
    for model in found["models"]:
        for line in _model_lines(model):
            typer.echo(line)


def _refusals(root: Path) -> list[str]:
    """What was refused, oldest first, each with its reasons."""
    from components.release.records.ledger import LEDGER, read_ledger

    refused = [entry for entry in read_ledger(root / LEDGER).entries if entry.action == "refuse"]
    return [f"refused {entry.at}: weights {(entry.candidate or '')[:12]}: {shown(entry.reason)}" for entry in refused]


def _mask_lines(masks: Sequence[Mapping[str, Any]]) -> list[str]:
    """A case's Dice by model and prompt, one line each; the prompts themselves are in `--json`."""
    width = max(len(str(mask["model"])) for mask in masks)
    kind = max(len(str(mask["prompt"])) for mask in masks)
    return [
        f"  {mask['model']:<{width}}  {mask['prompt']:<{kind}}  Dice "
        f"{'undefined' if mask['dice'] is None else format(mask['dice'], '.3f')}  weights {mask['model_digest'][:12]}"
        for mask in masks
    ]


def _model_lines(model: dict[str, Any]) -> list[str]:
    record = model["provenance"]
    made = {
        "folders": ", ".join(model["folders"]) or "none here",
        "versions": ", ".join(f"{known['version']} (run {known['run_id']})" for known in model["versions"]) or "none",
        "trained on": ", ".join(model["trained_on"]) + (" (phantom)" if model["phantom"] else ""),
        "base weights": model["base"],
        "commit": record.get("git_sha"),
        "changed beside it": ", ".join(record.get("dirty") or ()) or "nothing",
        "parameters sha256": record.get("params_sha256"),
        "pinned versions sha256": record.get("lock_sha256"),
        "seeds": ", ".join(f"{key} {value}" for key, value in (record.get("seeds") or {}).items()),
    }
    lines = [f"{model['kind']} {model['name']}, weights {model['digest']}"]
    lines += [f"  {key}: {value}" for key, value in made.items() if value]
    lines += [f"  made {count} masks of {name}" for name, count in model["scored"].items()]
    lines += [f"  data {path}: {digest}" for path, digest in (record.get("data") or {}).items()]
    for entry in model["ledger"]:
        told = f"{entry['action']} by {shown(entry['who'])}: {shown(entry['reason'])}"
        lines.append(f"  ledger {entry['number']}: {entry['at']} {told}")
    return lines


def _root() -> Path:
    from pipelines.runtime.environment import prepare, project_root

    root = project_root()
    prepare(root)
    return root


def _candidate(root: Path, chosen: Path) -> Path:
    """The candidate that was packaged of a model folder: what is released is what was built and tried."""
    from components.artefacts import read_description
    from components.release.packing.packaged import CANDIDATE

    digest = read_description(chosen).digest
    folder = root / CANDIDATE
    found = read_description(folder).digest if folder.is_dir() else None
    if found != digest:
        raise ReleaseError(
            f"{CANDIDATE.as_posix()} holds the weights {found[:12]}" if found else f"no {CANDIDATE.as_posix()}",
            expected=f"the candidate of {digest[:12]}, whose Bento was built and tried",
            remedy="run the graph to its end: `dvc repro`",
        )
    return folder


def _bento(root: Path, folder: Path) -> str:
    """Build a released model's Bento, or find it built; returns its tag."""
    # BentoML takes seconds to import, and only a release needs it.
    from components.release.packing.bento import release_bento

    return release_bento(root, folder).tag


def _tell(done: Promotion, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(done.as_json(), indent=2))
        return
    typer.echo(f"{done.action}: {done.name}, weights {done.candidate[:12]}")
    for why in done.reasons:
        typer.echo(f"  - {shown(why)}")
    if done.target is not None:
        typer.echo(f"in use: weights {done.target[:12]}, before: {(done.source or 'nothing')[:12]}")
    if done.bento is not None:
        typer.echo(f"Bento {done.bento}")
    if done.action in ("promoted", "rolled back"):
        typer.echo("start the service again to serve it: `make serve`")
