"""MLflow's records in a real PostgreSQL: several writers, a server that goes and comes back, no password shown."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from components.databases import alone, connected, with_driver
from components.errors import StoreError
from components.tracking import (
    Provenance,
    collect_provenance,
    find_run,
    has_records,
    list_versions,
    register_version,
    run_record,
    set_alias,
    stage_run,
    writer,
)
from components.tracking.address import ARTEFACTS, TRACKING, find_address
from components.tracking.runs import StageRun, TrackingError
from components.tracking.store import look, open_client
from components.tracking.writer import Journal
from tests.postgres import PASSWORD, Postgres, no_password_in, serving_postgres

STEPS = 700


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server for these tests."""
    with serving_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def address(postgres: Postgres) -> str:
    """The address of the team's database."""
    return postgres.make("mlflow")


@pytest.fixture
def shared(address: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    """The team's records, named in the environment as every member of it does; their address."""
    files = tmp_path_factory.getbasetemp() / "shared files"
    files.mkdir(exist_ok=True)
    monkeypatch.setenv(TRACKING, address)
    monkeypatch.setenv(ARTEFACTS, files.as_uri())
    return address


@pytest.fixture
def same_pass(tmp_path: Path) -> Provenance:
    """What two clones of one commit with one params.yaml state of a stage."""
    (tmp_path / "params.yaml").write_text(f"who: {tmp_path}\n", encoding="utf-8")
    return collect_provenance(tmp_path, stage="validate_internal")


def clone(folder: Path) -> Path:
    """The folder of a clone, as far as tracking sees it."""
    folder.mkdir()
    return folder


def test_two_clones_write_at_once_and_nothing_is_lost(
    postgres: Postgres, shared: str, same_pass: Provenance, tmp_path: Path
) -> None:
    together = threading.Barrier(2)
    (tmp_path / "note.txt").write_text("kept", encoding="utf-8")

    def write(name: str) -> str:
        together.wait(timeout=60)
        with stage_run(name, root=clone(tmp_path / name), provenance=same_pass, params={"who": name}) as run:
            for step in range(STEPS):
                run.log_metrics({"loss": float(step), "undefined": float("nan")}, step=step)
            run.log_artifact(tmp_path / "note.txt")
            return run.run_id

    with ThreadPoolExecutor(2) as pool:
        ids = list(pool.map(write, ("one", "two")))

    def rows(query: str) -> list[list[object]]:
        return postgres.ask(query, database="mlflow")

    assert rows("select count(*) from experiments where name = 'sonoforge'") == [[1]]
    found = dict(rows("select name, status from runs"))  # type: ignore[arg-type]
    assert found == {f"pass {same_pass.pass_id}": "FINISHED", "one": "FINISHED", "two": "FINISHED"}
    for run_id in ids:
        kept = rows(
            f"select key, count(*), max(step) from metrics where run_uuid = '{run_id}' group by key order by key"
        )
        assert kept == [["loss", STEPS, STEPS - 1], ["undefined", STEPS, STEPS - 1]]
    files = sorted(path.read_text() for path in (tmp_path.parent / "shared files").rglob("note.txt"))
    assert files == ["kept", "kept"]
    logs = {name: (tmp_path / name / ".mlflow/writer.log").read_text(encoding="utf-8") for name in ("one", "two")}
    no_password_in(logs)
    assert not (tmp_path / "one/.mlflow/mlflow.db").exists()


def test_the_registry_is_the_teams(shared: str, tmp_path: Path) -> None:
    mine, yours = clone(tmp_path / "mine"), clone(tmp_path / "yours")
    assert has_records(yours), "before anything was written from here"
    first = register_version(mine, "segmenter", digest="d1", source="models/released/d1", card="# A")
    second = register_version(yours, "segmenter", digest="d2", source="models/released/d2", card="# B")
    assert (first.version, second.version) == (1, 2)
    assert list_versions(mine, "segmenter") == list_versions(yours, "segmenter") == [first, second]
    set_alias(yours, "segmenter", alias="champion", version=2)
    assert (
        open_client(mine)[0].get_model_version_by_alias("segmenter", "champion").tags["sonoforge.source"]
        == second.source
    )
    assert find_run(mine, digest="d1") is None and run_record(mine, "0" * 32) is None
    assert look(mine).startswith("files in file:///")


@contextmanager
def recording(root: Path, provenance: Provenance) -> Iterator[StageRun]:
    """A stage's run whose writer is a thread of this process, which has MLflow loaded."""
    (asks, asked), (hears, heard) = os.pipe(), os.pipe()
    with (
        os.fdopen(asks) as requests,
        os.fdopen(asked, "w") as to_writer,
        os.fdopen(hears) as from_writer,
        os.fdopen(heard, "w") as answers,
        ThreadPoolExecutor(1) as pool,
    ):
        serving = pool.submit(Journal(root).serve, requests, answers)
        run = StageRun(to_writer, from_writer, root)
        run.begin(name="finetune", provenance=provenance, params={})
        yield run
        run.end("FINISHED")
        serving.result()


def test_a_restart_of_the_server_costs_no_metric(
    postgres: Postgres, shared: str, same_pass: Provenance, tmp_path: Path
) -> None:
    back = threading.Timer(1.5, postgres.start)
    with recording(tmp_path, same_pass) as run:
        run.log_metrics({"loss": 1.0}, step=1)
        postgres.stop()
        back.start()
        run.log_metrics({"loss": 2.0}, step=2)
    back.join()
    mine = f"where run_uuid = '{run.run_id}'"
    kept = postgres.ask(f"select step, value from metrics {mine} order by step", database="mlflow")
    assert kept == [[1, 1.0], [2, 2.0]]
    assert postgres.ask(f"select status from runs {mine}", database="mlflow") == [["FINISHED"]]


@pytest.fixture
def server(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an MLflow server on the team's database, which keeps files itself."""
    from mlflow.server import app
    from werkzeug.serving import make_server

    for name, value in {
        "_MLFLOW_SERVER_FILE_STORE": with_driver(postgres.address("mlflow")),
        "_MLFLOW_SERVER_REGISTRY_STORE": with_driver(postgres.address("mlflow")),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(tmp_path / "served"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }.items():
        monkeypatch.setenv(name, value)
    with make_server("127.0.0.1", 0, app, threaded=True) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.server_port}"
        finally:
            serving.shutdown()
            thread.join()


def test_through_a_server_the_same_records_are_written(
    postgres: Postgres, shared: str, server: str, same_pass: Provenance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRACKING, server)
    with recording(tmp_path, same_pass) as run:
        run.log_metrics({"loss": 1.0}, step=1)
    kept = postgres.ask(f"select value from metrics where run_uuid = '{run.run_id}'", database="mlflow")
    assert kept == [[1.0]]
    assert [version.digest for version in list_versions(tmp_path, "segmenter")] == ["d1", "d2"]
    assert look(tmp_path).startswith("files in ")


def test_what_a_library_prints_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def serve(self: Journal, requests: IO[str], answers: IO[str]) -> None:
        print("View run at http://…")  # noqa: T201 - as MLflow does
        answers.write("an answer\n")

    monkeypatch.setattr(Journal, "serve", serve)
    monkeypatch.setattr("sys.argv", ["writer", "--root", str(tmp_path)])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    writer._main()
    assert capsys.readouterr().out == "an answer\n"


@pytest.mark.parametrize("wrong", ["password", "database", "port"])
def test_a_server_that_refuses_is_said_at_once_and_without_the_password(
    wrong: str, postgres: Postgres, shared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = {
        "password": postgres.address("mlflow", password=PASSWORD + "x"),
        "database": postgres.address("nobodys"),
        "port": shared.replace(str(postgres.port), "1"),
    }[wrong]
    monkeypatch.setenv(TRACKING, address)
    with pytest.raises(StoreError) as refused:
        open_client(tmp_path)
    no_password_in({"the error": str(refused.value)})
    assert "sonoforge:***@127.0.0.1" in refused.value.found
    assert {"password": "password authentication failed", "database": "does not exist", "port": "refused"}[
        wrong
    ] in refused.value.found


def test_a_stage_says_what_its_writer_was_told(
    postgres: Postgres, shared: str, same_pass: Provenance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRACKING, postgres.address("nobodys"))
    with (
        pytest.raises(TrackingError, match="does not exist") as refused,
        stage_run("gate", root=tmp_path, provenance=same_pass),
    ):
        pytest.fail("nothing may run that can't be recorded")
    assert "sonoforge stores" in refused.value.remedy
    no_password_in({"the error": str(refused.value), "the log": (tmp_path / ".mlflow/writer.log").read_text()})


def test_tables_of_another_mlflow_are_left_alone(
    postgres: Postgres, shared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another address of the same database: MLflow keeps what it has opened by address.
    monkeypatch.setenv(TRACKING, f"{shared}?application_name=another")
    (version,) = postgres.ask("select version_num from alembic_version", database="mlflow")[0]
    postgres.ask("update alembic_version set version_num = 'older'", database="mlflow")
    try:
        with pytest.raises(StoreError, match="out-of-date") as refused:
            open_client(tmp_path)
    finally:
        postgres.ask(f"update alembic_version set version_num = '{version}'", database="mlflow")
    assert "mlflow db upgrade" in refused.value.remedy
    no_password_in({"the error": str(refused.value)})


def test_an_empty_database_is_only_looked_at(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRACKING, postgres.make("fresh"))
    monkeypatch.setenv(ARTEFACTS, tmp_path.as_uri())
    assert "empty" in look(tmp_path)
    assert postgres.ask("select count(*) from pg_tables where schemaname = 'public'", database="fresh") == [[0]]


def test_one_waits_for_another_of_the_same_purpose(address: str) -> None:
    order: list[str] = []

    def second() -> None:
        with alone(address, "tables"):
            order.append("second")

    with connected(address) as connection:
        assert connection.connection.driver_connection._usock.gettimeout() is None, "whoever waits for it isn't hurried"
    waiting = threading.Thread(target=second)
    with alone(address, "tables"):
        waiting.start()
        with alone(address, "something else"):
            order.append("other")
        waiting.join(timeout=0.5)
        assert waiting.is_alive()
        order.append("first")
    waiting.join(timeout=30)
    assert order == ["other", "first", "second"]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({TRACKING: "postgresql://me:hush@db/x"}, ARTEFACTS),
        ({TRACKING: "databricks"}, "MLFLOW_TRACKING_URI is databricks"),
        ({TRACKING: "mysql://me:hush@db/x", ARTEFACTS: "s3://b"}, "mysql://me:\\*\\*\\*@db/x"),
    ],
)
def test_what_cant_hold_records_is_refused(environment: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=message) as refused:
        find_address(tmp_path, environment)
    assert "hush" not in str(refused.value)


def test_a_server_decides_itself_where_files_go(tmp_path: Path) -> None:
    address = find_address(tmp_path, {TRACKING: "https://mlflow.example", ARTEFACTS: "s3://other"})
    assert (address.uri, address.artefacts, address.is_database) == ("https://mlflow.example", None, False)
    own = find_address(tmp_path, dict.fromkeys(os.environ, ""))
    assert own.uri == f"sqlite:///{tmp_path}/.mlflow/mlflow.db" and not own.is_database
