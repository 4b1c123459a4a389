"""A deployment to a work pool, run by a real worker on a server whose records are in a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from components.errors import StoreError
from components.processes import mark
from pipelines.runtime import prefect_database
from pipelines.runtime.local_server import DOOR, Services, ensure_services
from pipelines.runtime.prefect_database import VARIABLES
from pipelines.schedule import ScheduleError, deploy, run_or_serve
from tests.postgres import Postgres, no_password_in, serving_postgres

KEY = "a-key-that-stays-where-it-is"
SLOW = """
import os, pathlib, time
pathlib.Path("stage.pid").write_text(str(os.getpid()))
try:
    time.sleep(600)
except KeyboardInterrupt:
    pathlib.Path("closed").touch()
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server for these tests."""
    with serving_postgres() as server:
        yield server


@pytest.fixture
def clone(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose graph is one stage that never ends by itself."""
    for package in ("components", "pipelines", "data"):
        (tmp_path / package).symlink_to(root / package)
    shutil.copy(root / "params.yaml", tmp_path)
    (tmp_path / "slow.py").write_text(SLOW, encoding="utf-8")
    (tmp_path / "dvc.yaml").write_text("stages:\n  slow:\n    cmd: python slow.py\n    always_changed: true\n")
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    for name in ("PREFECT_API_URL", *VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / ".prefect"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    return tmp_path


@pytest.mark.parametrize("cron", ["nonsense", "61 * * * *", ""])
def test_times_that_are_none_are_refused_before_any_server_is_asked(
    cron: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(ScheduleError, match="isn't a schedule"):
        deploy("retrain", tmp_path, pool="night", cron=cron, parameters={})
    with pytest.raises(ScheduleError, match="isn't a schedule"):
        run_or_serve(print, tmp_path, cron=cron, timeout_s=1, parameters={})
    with pytest.raises(ScheduleError, match="no Prefect server"):
        deploy("retrain", tmp_path, pool="night", cron="0 3 * * 0", parameters={})


def wait(what: Callable[[], Any], limit_s: float = 120) -> Any:
    """The first true answer."""
    until = time.monotonic() + limit_s
    while not (answer := what()):
        assert time.monotonic() < until
        time.sleep(0.2)
    return answer


@pytest.fixture
def services(clone: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The project's own API on PostgreSQL, as long as its door is there."""
    address = postgres.make("prefect")
    monkeypatch.setenv(VARIABLES[0], address)
    if not postgres.ask("select 1 from pg_available_extensions where name = 'pg_trgm'"):
        pytest.skip("this PostgreSQL lacks its contributed extensions, which Prefect needs")
    door = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield ensure_services(clone, door=psutil.Process(door.pid))
    finally:
        door.communicate(b"\n")
        wait(lambda: not (clone / ".prefect/server.json").exists())


@pytest.fixture
def worker(clone: Path, services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of the pool, with room for two runs at once."""
    monkeypatch.setenv("PREFECT_API_URL", services.api_url)
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    command = [
        sys.executable,
        "-m",
        "prefect",
        "worker",
        "start",
        "--pool",
        "graph",
        "--type",
        "process",
        "--limit",
        "2",
    ]
    with (clone / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=clone, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        below = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        for left in [*below, process]:
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                left.kill()
        process.wait()


def tables_with(postgres: Postgres, text: str) -> list[str]:
    """The tables of Prefect's database that hold a text anywhere."""
    tables = postgres.ask("select tablename from pg_tables where schemaname = 'public'", database="prefect")
    return [
        name
        for (name,) in tables
        if postgres.ask(f"select 1 from {name} as row where row::text like '%{text}%' limit 1", database="prefect")
    ]


@pytest.mark.graph
def test_a_worker_runs_one_at_a_time_and_a_cancelled_run_leaves_nobody_behind(
    clone: Path,
    postgres: Postgres,
    services: Services,
    worker: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from prefect import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect.states import Cancelling

    monkeypatch.chdir(clone)
    with temporary_settings({PREFECT_API_URL: services.api_url}):
        name = deploy("retrain", clone, pool="graph", cron="0 3 * * 0", parameters={"root": str(clone)})
        with get_client(sync_client=True) as client:
            found = client.read_deployment_by_name(name)
            assert (found.work_pool_name, found.schedules[0].schedule.cron) == ("graph", "0 3 * * 0")
            first = client.create_flow_run_from_deployment(found.id)
            pid = int(wait((clone / "stage.pid").exists) and wait((clone / "stage.pid").read_text))
            group = [psutil.Process(pid), *psutil.Process(pid).parents()[:2]]
            second = client.create_flow_run_from_deployment(found.id)
            wait(lambda: client.read_flow_run(second.id).state_name == "AwaitingConcurrencySlot")
            client.set_flow_run_state(second.id, Cancelling(), force=True)
            client.set_flow_run_state(first.id, Cancelling(), force=True)
            wait(lambda: client.read_flow_run(first.id).state_name == "Cancelled")
    psutil.wait_procs(group, timeout=30)
    assert not [process for process in group if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert (clone / "closed").exists(), "the stage could close what it had open"
    assert "deployment" in tables_with(postgres, clone.name)
    assert tables_with(postgres, KEY) == [], "keys stay in the worker's environment"
    no_password_in({path.name: path.read_text() for path in (clone / "worker.log", clone / ".prefect/server.log")})


def test_who_runs_the_graph_is_its_door_whatever_it_is_called() -> None:
    inner = "from pipelines.runtime.local_server import door_process; print(door_process().pid)"
    environment = {**os.environ, DOOR: mark(psutil.Process())}
    done = subprocess.run([sys.executable, "-c", inner], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == os.getpid()


def test_a_deployment_needs_a_server(clone: Path) -> None:
    with pytest.raises(ScheduleError, match="no Prefect server"):
        deploy("retrain", clone, pool="graph", cron=None, parameters={})


def test_a_database_that_cant_hold_prefects_tables_is_said(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "select count(*) from pg_available_extensions where name = 'nobody_has_this'"
    monkeypatch.setattr(prefect_database, "_TRIGRAMS", query)
    with pytest.raises(StoreError, match="pg_trgm") as refused:
        prefect_database.check_database(postgres.address("postgres", driver="asyncpg"))
    assert "postgresql-contrib" in refused.value.remedy
    no_password_in({"the error": str(refused.value)})
