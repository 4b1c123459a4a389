"""Where MLflow keeps a project's records, opened: a client, and the id of the project's experiment.

Tables are made by the first process that opens a new database, while others wait. Those of an older MLflow are left
as they are, and that is an error: moving a shared database on is its owner's decision. Pickles are never loaded,
nothing is reported to anybody. Leaves out: what is written (writer.py, registry.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from components.databases import alone, connected, masked
from components.errors import StoreError
from components.tracking.address import FOLDER, TRACKING, Address, find_address

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "sonoforge"


def open_client(root: Path) -> tuple[MlflowClient, str]:
    """A client on the project's records, and the id of its experiment; both are made at the first call.

    Raises
    ------
    StoreError
        If the environment names records that can't be opened.
    """
    _prepare()
    address = find_address(root, os.environ)
    with only_one(root):
        # After the database's own word: the import takes seconds.
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        try:
            client = MlflowClient(tracking_uri=address.uri, registry_uri=address.uri)
            return client, _experiment(client, address.artefacts)
        except MlflowException as error:
            raise _refused(address, error) from None


def _experiment(client: MlflowClient, artefacts: str | None) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        try:
            return str(client.create_experiment(EXPERIMENT, artifact_location=artefacts))
        except MlflowException:
            # Before a server nobody is kept waiting: another machine may have been a moment earlier.
            found = client.get_experiment_by_name(EXPERIMENT)
            if found is None:
                raise
    return str(found.experiment_id)


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Keep other processes of this project waiting meanwhile; on PostgreSQL also those of other machines."""
    (root / FOLDER).mkdir(exist_ok=True)
    address = find_address(root, os.environ)
    # Two processes that make the tables at once would run their migrations against each other.
    with FileLock(root / FOLDER / "create.lock"):
        if not address.is_database:
            yield
            return
        with alone(address.uri, "sonoforge mlflow"):
            yield


def has_records(root: Path) -> bool:
    """Whether there may be records: some are named, or the project's own were begun."""
    return bool(os.environ.get(TRACKING)) or (root / FOLDER).is_dir()


def look(root: Path) -> str:
    """What stands in a shared store of records, in a few words; writes nothing.

    Raises
    ------
    StoreError
        If it can't be reached, or refuses.
    """
    _prepare()
    address = find_address(root, os.environ)
    if address.is_database:
        with connected(address.uri) as connection:
            if connection.exec_driver_sql("select to_regclass('alembic_version')").scalar() is None:
                return "PostgreSQL, empty: the first run makes the tables"
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    try:
        client = MlflowClient(tracking_uri=address.uri, registry_uri=address.uri)
        experiment = client.get_experiment_by_name(EXPERIMENT)
    except MlflowException as error:
        raise _refused(address, error) from None
    return f"files in {masked(experiment.artifact_location)}" if experiment else "no run of this project yet"


def _prepare() -> None:
    # MLflow reads these at import; it wants the word `true`, not 1.
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"


def _refused(address: Address, error: Exception) -> StoreError:
    told = masked(str(error).partition("\n")[0])
    if "out-of-date database schema" in told:
        return StoreError(
            f"MLflow at {masked(address.uri)}: {told.partition('. Take')[0]}",
            expected="the tables of the MLflow that is pinned in requirements.lock.txt",
            remedy="back the database up, then `mlflow db upgrade ADDRESS` once, with no run under way",
        )
    return StoreError(
        f"MLflow at {masked(address.uri)}: {told}",
        expected="records that can be opened",
        remedy="look at the address and at the server; `sonoforge stores` tries it",
    )
