"""The environment to where MLflow's records and files of a project are.

Without a word they are a SQLite database and a folder under `.mlflow/`. MLFLOW_TRACKING_URI names a PostgreSQL
database or an MLflow server instead; a database needs MLFLOW_DEFAULT_ARTIFACT_ROOT beside it, the place of files that
every machine sees. Both are MLflow's own variables. Addresses stand in no file of the project: they hold passwords.
Leaves out: opening them (store.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.databases import is_postgres, masked, with_driver
from components.errors import StoreError

TRACKING, ARTEFACTS = "MLFLOW_TRACKING_URI", "MLFLOW_DEFAULT_ARTIFACT_ROOT"
FOLDER = ".mlflow"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the records are: `database` an address of a database, or of a server, which then decides about files.

    `artefacts` is where a new experiment's files go; None where the server decides.
    """

    uri: str
    artefacts: str | None

    @property
    def is_database(self) -> bool:
        """Whether it is PostgreSQL without a server before it."""
        return is_postgres(self.uri)


def find_address(root: Path, environment: Mapping[str, str]) -> Address:
    """Where the records of the project at `root` are.

    Raises
    ------
    StoreError
        If the environment names what can't hold them.
    """
    named, artefacts = environment.get(TRACKING), environment.get(ARTEFACTS)
    folder = (root / FOLDER).resolve()
    if not named:
        return Address(f"sqlite:///{folder / 'mlflow.db'}", (folder / "artefacts").as_uri())
    if named.startswith(("http://", "https://")):
        return Address(named, None)
    if not is_postgres(named):
        raise StoreError(
            f"{TRACKING} is {masked(named)}",
            expected="postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or http(s):// of an MLflow server",
            remedy=f"name one of these, or unset it: records then go to {FOLDER}/ of the project",
        )
    if not artefacts:
        raise StoreError(
            f"{TRACKING} names a database, and nothing says where files go",
            expected=f"{ARTEFACTS}: a place that every machine sees, s3://… or file:///… of a shared folder",
            remedy="export it, as it is for everybody who uses that database",
        )
    return Address(with_driver(named), artefacts)
