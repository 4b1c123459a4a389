"""One Prefect server and one tracking writer for a whole pass over the graph, whichever door it came through.

The first stage starts a keeper: a detached process that runs both and stops them when every process that asked
for them is gone. That process is the topmost `dvc` or `sonoforge` above the stage, else the stage itself. Later
stages find the addresses in `.prefect/server.json`. Where `PREFECT_API_URL` is set, that server is used, and the
keeper runs the writer alone. Leaves out: what runs on the server.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from filelock import FileLock

from components.artefacts import write_json
from components.databases import masked
from components.errors import SonoForgeError
from components.processes import lives, mark
from components.tracking.address import ARTEFACTS, TRACKING
from pipelines.runtime.prefect_database import VARIABLES, check_database, one_start, shared_database

START_LIMIT_S = 240.0
ANSWER_LIMIT_S = 15.0
LEAVE_LIMIT_S = 5.0
"""How long a run waits for services on other databases to end: those whose run is over do within a second."""
_POLL_S = 0.25
_DOORS = {"dvc", "sonoforge"}
_DOOR_MODULES = {"dvc", "pipelines.cli"}
DOOR = "SONOFORGE_DOOR"
"""Names the process that runs the graph where it is neither, such as a flow run that a Prefect worker started."""
# A graph run needs run records, not schedules; these services poll the database for work that never comes.
_IDLE_SERVICES = ("SCHEDULER", "LATE_RUNS", "FOREMAN", "CANCELLATION_CLEANUP", "PAUSE_EXPIRATIONS", "TRIGGERS")


class ServerError(SonoForgeError):
    """The local Prefect server or the tracking writer didn't start."""


@dataclass(frozen=True, slots=True)
class Services:
    """Where a stage finds Prefect's API and the tracking writer's socket; `keeper_pid` keeps both, on `databases`."""

    api_url: str
    tracking_socket: str
    keeper_pid: int
    databases: str


def databases_digest(environment: Mapping[str, str]) -> str:
    """One SHA-256 of the databases and places of files that the environment names: their addresses hold passwords."""
    prefect = next((environment[name] for name in VARIABLES if environment.get(name)), "")
    named = (environment.get(TRACKING, ""), environment.get(ARTEFACTS, ""), prefect)
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()


def door_process() -> psutil.Process:
    """The topmost `dvc`, `sonoforge` or process that says it runs the graph above this process, else this process."""
    this = psutil.Process()
    above = [process for process in this.parents() if _is_door(process)]
    return above[-1] if above else this


def _is_door(process: psutil.Process) -> bool:
    try:
        return is_door(process.cmdline()) or mark(process) == os.environ.get(DOOR)
    except psutil.Error:
        return False


def is_door(words: Sequence[str]) -> bool:
    """Whether a command line runs `dvc` or `sonoforge`: as a program, or as Python's script or module.

    A path that only holds the name, such as an editor's argument, is none.
    """
    if not words or Path(words[0]).name in _DOORS:
        return bool(words)
    if not Path(words[0]).name.startswith("python"):
        return False
    options = iter(words[1:])
    for word in options:
        if not word.startswith("-"):
            return Path(word).name in _DOORS
        if word in {"-X", "-W"}:
            next(options, "")
        elif not word.startswith("--") and word[-1] in "mc":  # Also together with others, as in -um.
            return word[-1] == "m" and next(options, "") in _DOOR_MODULES
    return False


def ensure_services(root: Path, *, door: psutil.Process | None = None) -> Services:
    """Find the running services of the project, or start them; they stay until the door's process is gone.

    Raises
    ------
    ServerError
        If they aren't ready in `START_LIMIT_S` seconds, or run on other databases than the environment names.
    """
    folder = root / ".prefect"
    folder.mkdir(exist_ok=True)
    until = time.monotonic() + LEAVE_LIMIT_S
    while True:
        with FileLock(folder / "server.lock"):
            found = _running(folder)
            if found is None or found.databases == databases_digest(os.environ):
                _sign_in(folder, door or door_process())
                return found if found is not None and _fits(found) else _start(root, folder)
        # Not signed in, so that a keeper whose doors are gone ends meanwhile.
        if time.monotonic() > until:
            raise ServerError(
                "another run of this project is under way, and its records go to other databases",
                expected=f"the same {TRACKING}, {ARTEFACTS} and {VARIABLES[0]} for all runs at one time",
                remedy="let the other run end first, or set or unset these variables as it has them",
            )
        time.sleep(_POLL_S)


def _sign_in(folder: Path, door: psutil.Process) -> None:
    doors = folder / "doors"
    doors.mkdir(exist_ok=True)
    (doors / mark(door)).touch()


def _address(folder: Path) -> Services | None:
    try:
        return Services(**json.loads((folder / "server.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _running(folder: Path) -> Services | None:
    services = _address(folder)
    if services is None:
        return None
    alive = psutil.pid_exists(services.keeper_pid) and Path(services.tracking_socket).exists()
    return services if alive and _healthy(services.api_url) else None


def _fits(services: Services) -> bool:
    return os.environ.get("PREFECT_API_URL") in (None, "", services.api_url)


def _healthy(api_url: str, timeout_s: float = 5.0) -> bool:
    try:
        with urllib.request.urlopen(f"{api_url}/health", timeout=timeout_s) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _start(root: Path, folder: Path) -> Services:
    (folder / "server.json").unlink(missing_ok=True)
    _check_named()
    with (folder / "server.log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "pipelines.runtime.local_server", "--root", str(root)],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until and keeper.poll() is None:
        found = _running(folder)
        if found is not None:
            return found
        time.sleep(_POLL_S)
    keeper.terminate()
    raise ServerError(
        "the local Prefect server didn't start",
        expected=f"an answer within {START_LIMIT_S:g} s",
        remedy="look at .prefect/server.log, or set PREFECT_API_URL to a running server",
    )


def _check_named() -> None:
    """Make sure of what the environment names, before anything waits for it."""
    if not (wanted := os.environ.get("PREFECT_API_URL")):
        if (database := shared_database(os.environ)) is not None:
            check_database(database)
        return
    until = time.monotonic() + ANSWER_LIMIT_S
    while not _healthy(wanted):
        if time.monotonic() > until:
            raise ServerError(
                f"no Prefect server answers at {masked(wanted)}, which PREFECT_API_URL names",
                expected="the address of a running server's API, such as http://127.0.0.1:4200/api",
                remedy="start that server; or unset PREFECT_API_URL, and a run starts its own",
            )
        time.sleep(_POLL_S)


class _Keeper:
    """Runs the services of one project until nobody needs them any more."""

    def __init__(self, root: Path) -> None:
        self._folder = root / ".prefect"
        self._root = root
        # A Unix socket's path has about 100 characters; a project's may be longer.
        self._sockets = Path(tempfile.mkdtemp(prefix="sonoforge-"))
        self._processes: list[subprocess.Popen[bytes]] = []

    def run(self) -> None:
        try:
            with one_start(os.environ) as database:
                services = self._launch(database)
                while not _healthy(services.api_url) or not Path(services.tracking_socket).exists():
                    if not self._all_alive() or not self._wanted():
                        return
                    time.sleep(_POLL_S)
            write_json(self._folder / "server.json", asdict(services))
            while self._all_alive():
                time.sleep(_POLL_S * 2)
                if not self._wanted() and self._retire():
                    return
        finally:
            self._stop()

    def _launch(self, database: dict[str, str]) -> Services:
        path = self._sockets / "tracking"
        writer = ["-m", "components.tracking.writer", "--root", str(self._root), "--socket", str(path)]
        self._processes.append(subprocess.Popen([sys.executable, *writer], cwd=self._root))
        api_url = os.environ.get("PREFECT_API_URL")
        if not api_url:
            port = _free_port()
            api_url = f"http://127.0.0.1:{port}/api"
            off = {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in _IDLE_SERVICES}
            server = ["-m", "uvicorn", "--factory", "prefect.server.api.server:create_app", "--log-level", "warning"]
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, *server, "--host", "127.0.0.1", "--port", str(port)],
                    cwd=self._root,
                    # The page under / asks this address for its data.
                    env=os.environ | off | database | {"PREFECT_UI_API_URL": api_url},
                )
            )
        return Services(api_url, str(path), os.getpid(), databases_digest(os.environ))

    def _all_alive(self) -> bool:
        return all(process.poll() is None for process in self._processes)

    def _wanted(self) -> bool:
        """Whether any door that signed in is still there; the marks of those that left are removed."""
        present = False
        for door in (self._folder / "doors").glob("*"):
            if lives(door.name):
                present = True
            else:
                door.unlink(missing_ok=True)
        return present

    def _retire(self) -> bool:
        """Withdraw the address under the lock, unless somebody has just come in."""
        with FileLock(self._folder / "server.lock"):
            if self._wanted():
                return False
            # A newer keeper may have put its own address there.
            named = _address(self._folder)
            if named is not None and named.keeper_pid == os.getpid():
                (self._folder / "server.json").unlink(missing_ok=True)
            return True

    def _stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self._sockets, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    root = parser.parse_args().root
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _Keeper(root).run()


if __name__ == "__main__":
    _main()
