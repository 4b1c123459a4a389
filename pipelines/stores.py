"""Where this project's data and records go, to whether each of these stores answers now.

DVC's remotes, MLflow's records and Prefect's. Each one that isn't a file of this project is asked by a process of its
own, which is ended when its time is up: libraries that try again for minutes keep nobody waiting. Nothing is written
to any of them. Leaves out: printing (commands/stores.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from components.databases import masked
from components.errors import SonoForgeError
from components.tracking import address
from pipelines.runtime.prefect_database import check_database, shared_database

if TYPE_CHECKING:
    from dvc.repo import Repo

API = "PREFECT_API_URL"

ONE_TRY = {"AWS_MAX_ATTEMPTS": "1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "PREFECT_CLIENT_MAX_RETRIES": "0"}
"""Whoever asks wants to know now."""
State = Literal["here", "answers", "fails"]


@dataclass(frozen=True, slots=True)
class Store:
    """One store: `place` is its address without passwords; `state` is `here` for a file or folder of this project."""

    name: str
    place: str
    state: State
    found: str
    expected: str = ""
    remedy: str = ""


def look_at_stores(root: Path, *, limit_s: float) -> tuple[Store, ...]:
    """Ask all stores of the project at once, each for at most `limit_s` seconds."""
    asked = {
        name: subprocess.Popen(
            [sys.executable, "-m", "pipelines.stores", name],
            cwd=root,
            env={**os.environ, **ONE_TRY},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in _ASK
    }
    until = time.monotonic() + limit_s
    expected = f"an answer within {limit_s:g} s"
    try:
        return tuple(store for name, process in asked.items() for store in _hear(name, process, until, expected))
    finally:
        for process in asked.values():
            process.kill()
            process.communicate()


def _hear(name: str, process: subprocess.Popen[str], until: float, expected: str) -> tuple[Store, ...]:
    try:
        out, said = process.communicate(timeout=max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        remedy = "see that its address is right and can be reached from here, then ask again with --limit-s"
        return (Store(name, _place(name), "fails", "no answer", expected, remedy),)
    if process.returncode != 0:
        last = masked(said.strip().rpartition("\n")[2])
        return (Store(name, _place(name), "fails", last, expected, "look at what it says"),)
    return tuple(Store(**one) for one in json.loads(out))


def _place(name: str) -> str:
    return masked(os.environ.get({"MLflow": address.TRACKING, "Prefect": API}.get(name, ""), ""))


def ask_dvc(root: Path) -> list[Store]:
    """Every remote of DVC: whether what lies there can be listed."""
    from dvc.repo import Repo

    repo = Repo(str(root))
    remotes: Mapping[str, Mapping[str, str]] = repo.config["remote"]
    if not remotes:
        told = "no remote: this disk holds the only copy of data and models"
        return [Store("DVC", ".dvc/cache", "here", told, remedy="`dvc remote add -d store s3://BUCKET/PATH`")]
    return [_ask_remote(repo, name, masked(str(remote.get("url", "")))) for name, remote in sorted(remotes.items())]


def _ask_remote(repo: Repo, name: str, place: str) -> Store:
    title = f"DVC {name}"
    try:
        remote = repo.cloud.get_remote(name)
        try:
            found = f"{len(remote.fs.ls(remote.path))} entries"
        except FileNotFoundError:
            # Nothing was pushed yet; but is there the bucket, or the folder, that it would go to?
            bucket = remote.path.partition("/")[0]
            remote.fs.ls(bucket or str(Path(remote.path).parent))
            found = "empty"
    except Exception as error:  # noqa: BLE001 - each cloud's library has errors of its own
        return _failed_remote(title, place, name, error)
    if repo.config["core"].get("remote") != name:
        found += f"; not where `dvc push` goes by itself: `dvc remote default {name}`"
    return Store(title, place, "answers", found)


def _failed_remote(title: str, place: str, name: str, error: Exception) -> Store:
    kind = type(error).__name__
    found = f"{kind}: {masked(str(error)) or 'nothing said'}"
    if isinstance(error, PermissionError) or "Credentials" in kind:
        return Store(
            title,
            place,
            "fails",
            found,
            "a key that may list, read and write there",
            "give it by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, by a profile, or by `dvc remote modify --local "
            f"{name} access_key_id …` and `secret_access_key`; never without --local: .dvc/config is in git",
        )
    if isinstance(error, FileNotFoundError):
        return Store(title, place, "fails", found, "a bucket that is there", "make it, or correct the remote's url")
    remedy = f"correct it (`dvc remote modify {name} endpointurl …` for other than Amazon's), or see that it runs"
    return Store(title, place, "fails", found, "an address that answers from here", remedy)


def ask_mlflow(root: Path) -> list[Store]:
    """MLflow's records: where they are, and that the schema is the one of the MLflow that is installed here."""
    from components.tracking.store import look

    if not os.environ.get(address.TRACKING):
        return [Store("MLflow", f"{address.FOLDER}/mlflow.db", "here", "SQLite: for one writer at a time")]
    place = masked(os.environ[address.TRACKING])
    try:
        return [Store("MLflow", place, "answers", look(root))]
    except SonoForgeError as error:
        return [Store("MLflow", place, "fails", error.found, error.expected, error.remedy)]


def ask_prefect(_: Path) -> list[Store]:
    """Prefect's API, or the database that the project's own API is started on."""
    api = os.environ.get(API)
    if not api:
        return [_ask_database()]
    from prefect import get_client

    with get_client(sync_client=True) as client:
        error = client.api_healthcheck()
        if error is None:
            return [Store("Prefect", masked(api), "answers", f"version {client.api_version()}")]
    found = f"{type(error).__name__}: {masked(str(error))}"
    expected = "the API of a running server, its path /api among it"
    return [Store("Prefect", masked(api), "fails", found, expected, f"correct {API}, or start that server")]


def _ask_database() -> Store:
    named = shared_database(os.environ)
    if named is None:
        return Store("Prefect", ".prefect", "here", "SQLite: for one writer at a time")
    try:
        check_database(named)
    except SonoForgeError as error:
        return Store("Prefect", masked(named), "fails", error.found, error.expected, error.remedy)
    return Store("Prefect", masked(named), "answers", "PostgreSQL, for the API that a run starts")


_ASK: Mapping[str, Callable[[Path], list[Store]]] = {"DVC": ask_dvc, "MLflow": ask_mlflow, "Prefect": ask_prefect}


def _main() -> None:
    sys.stdout.write(json.dumps([asdict(store) for store in _ASK[sys.argv[1]](Path.cwd())]))


if __name__ == "__main__":
    _main()
