"""`sonoforge serve`: the promoted model behind the endpoint and its web page, on this machine only by default.

Any other address needs access by token or through a proxy; the service itself makes sure of it, too. A released model
is served from its Bento, which holds the code that it was released with; any other folder, and a released one whose
Bento isn't here, with this project's code. Leaves out: the service itself (serving/service.py), which runs in a process
of its own.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.errors import AccessError, ArtefactError
from components.params import AccessMode
from components.params.serving import RuntimeChoice
from components.places import (
    ACCESS_VARIABLE,
    AUDIT_VARIABLE,
    CACHE,
    CACHE_VARIABLE,
    IN_SERVICE_VARIABLE,
    MODEL_VARIABLE,
    RUNTIME_VARIABLE,
    SIGNALS_VARIABLE,
    audit_folder,
    signals_folder,
)
from pipelines.commands.model_ref import CHAMPION, REF_HELP, Chosen, resolve
from pipelines.commands.unpacked import unpacked_runtime

if TYPE_CHECKING:
    from components.artefacts import ModelDescription

SERVICE = "serving.service:SonoForge"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FILE_VARIABLES = (
    "SONOFORGE_SETTINGS",
    "SONOFORGE_TOKENS",
    "SONOFORGE_PROXY_SECRET_FILE",
    "SONOFORGE_AUDIT",
    "SONOFORGE_SIGNALS",
    CACHE_VARIABLE,
)


@dataclass(frozen=True, slots=True)
class Served:
    """What BentoML is to serve: a Bento's tag or a service's name, where its code lies, and the model's folder.

    `model` is None for a Bento, which brings its own.
    """

    target: str
    code: Path
    description: ModelDescription
    model: Path | None


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("serve")(serve)


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 3000,
    model: Annotated[str, typer.Option("--model", metavar="REF", help=f"{REF_HELP}.")] = CHAMPION,
    access: Annotated[
        AccessMode | None,
        typer.Option("--access", help="How it learns who asks: none (this machine only), token, proxy."),
    ] = None,
    runtime: Annotated[
        RuntimeChoice | None,
        typer.Option(
            "--runtime",
            help="What runs the model; auto takes the fastest on this machine. Default: as the settings say.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say as JSON what is served, and where.")] = False,
) -> None:
    """Serve a model and its web page until Ctrl-C; `--access` and `--runtime` take the settings' places."""
    root = Path.cwd()
    environment = _absolute(_environment(root) | _records(root, model), root)
    chosen = resolve(root, model)
    served = _served(chosen)
    if served.model is not None:
        environment[MODEL_VARIABLE] = str(served.model.resolve())
    runtime = runtime or unpacked_runtime(served.model)
    if runtime is not None:
        environment[RUNTIME_VARIABLE] = runtime
    _check_access(served.code, host, access)
    if access is not None:
        environment[ACCESS_VARIABLE] = access
    # BentoML takes an address only.
    address_host = "127.0.0.1" if host == "localhost" else host
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    _tell(chosen, served, address=address, as_json=as_json)
    sys.stdout.flush()
    bentoml = Path(sys.executable).with_name("bentoml")
    command = [str(bentoml), "serve", served.target, "--host", address_host, "--port", str(port)]
    command += ["--working-dir", str(served.code)]
    # The server takes this process's place, so that Ctrl-C and a supervisor's signals reach it directly.
    os.execve(bentoml, command, environment)


def _absolute(environment: dict[str, str], root: Path) -> dict[str, str]:
    """The environment with all files that it names by their whole paths: the server works in another folder."""
    named = {name: environment[name] for name in FILE_VARIABLES if environment.get(name)}
    named.setdefault(CACHE_VARIABLE, str(CACHE))
    return environment | {name: str(root / path) for name, path in named.items()}


def _records(root: Path, ref: str) -> dict[str, str]:
    """Where the service keeps its records, and, for the champion, the file that names the one to serve."""
    audit = audit_folder(os.environ, root=root)
    signals = signals_folder(os.environ, audit=audit)
    found = {AUDIT_VARIABLE: str(audit), SIGNALS_VARIABLE: str(signals)}
    if ref == CHAMPION:
        from components.in_service import IN_SERVICE
        from components.release.records.ledger import LEDGER, RELEASED, read_ledger
        from components.release.records.promotion import sync_service

        sync_service(root, read_ledger(root / LEDGER))
        found[IN_SERVICE_VARIABLE] = str((root / RELEASED / IN_SERVICE).resolve())
    return found


def _environment(root: Path) -> dict[str, str]:
    """The server's environment; what BentoML reads as it is imported is set for this process, too."""
    os.environ["BENTOML_DO_NOT_TRACK"] = "true"
    os.environ.setdefault("BENTOML_HOME", str(root / ".bentoml"))
    # A model that is named there would take the place of the Bento's own.
    kept = {name: value for name, value in os.environ.items() if name != MODEL_VARIABLE}
    # What Python compiles would lie in the Bento beside the code that was judged.
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"}


def _served(chosen: Chosen) -> Served:
    """A released model's Bento where it is in the store, else the model's folder with this project's code.

    Raises
    ------
    ArtefactError
        If the model isn't a student.
    ReleaseError
        If the weights aren't those that the description names.
    """
    from components.release.records.released import checked_description

    if chosen.released is not None:
        from components.release.files import forget_compiled
        from components.release.packing.bento import bento_of
        from components.release.records.ledger import LEDGER, read_ledger

        package = read_ledger(Path.cwd() / LEDGER).package_of(chosen.released)
        bento = bento_of(chosen.released, package=package, papers=chosen.folder)
        if bento is not None:
            forget_compiled(bento.folder)
            code = bento.folder / "src"
            return Served(bento.tag, code, checked_description(code / "model"), None)
    # Checked here already, because BentoML starts a service that can't load its model again and again.
    description = checked_description(chosen.folder)
    if description.kind != "student":
        raise ArtefactError(
            f"{chosen.folder} holds a {description.kind}", expected="a student", remedy="name a student's folder"
        )
    return Served(SERVICE, _sources(), description, chosen.folder)


def _check_access(code: Path, host: str, asked: AccessMode | None) -> None:
    """Make sure that nobody is let in unasked from elsewhere, and that there are tokens where they are asked for.

    Raises
    ------
    AccessError
        If the service would be open to others, its code has no access, or its tokens can't be used.
    ParamsError
        If its settings can't be read.
    """
    from components.params.settings import configured_mode
    from components.tokens import TOKENS_VARIABLE, read_tokens

    guards = (code / "serving/access").is_dir()
    mode = asked or (configured_mode(code) if guards else "none")
    if not guards and (mode != "none" or host not in LOOPBACK):
        raise AccessError(
            "this model's Bento is of a time before access: its service asks nobody for a name",
            expected="a Bento that was packed since, or this machine's address",
            remedy="promote the model again, or serve it on 127.0.0.1",
        )
    if mode == "none" and host not in LOOPBACK:
        raise AccessError(
            f"the service would listen on {host}, and asks nobody for a name",
            expected="127.0.0.1, or access by token or through a proxy",
            remedy=f"`--access token` and the tokens' file in ${TOKENS_VARIABLE}, or `--host 127.0.0.1`",
        )
    if mode == "token" and (named := os.environ.get(TOKENS_VARIABLE)):
        read_tokens(Path(named))


def _tell(chosen: Chosen, served: Served, *, address: str, as_json: bool) -> None:
    description = served.description
    bento = served.target if served.model is None else None
    if as_json:
        told: dict[str, Any] = {"address": address, "model": description.name, "ref": chosen.told}
        typer.echo(json.dumps(told | {"digest": description.digest, "bento": bento}))
        return
    typer.echo(f"serving {chosen.told}: {description.name}, weights {description.digest[:12]}, on {address}")
    typer.echo(f"from the Bento {bento}" if bento else "with this project's code")
    if chosen.released is not None and bento is None:
        typer.echo("no Bento of it with its card and verdict is here: the stage `promote` packs one", err=True)


def _sources() -> Path:
    """The folder that holds the package `serving`."""
    return Path(__file__).resolve().parents[2]
