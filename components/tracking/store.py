"""Where MLflow keeps its records in a project, and how this project opens them.

A SQLite database and a folder of artefacts under `.mlflow/`. Pickles are never loaded, nothing is reported to
anybody. Leaves out: what is written (writer.py, registry.py).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "sonoforge"
FOLDER = ".mlflow"


def database_uri(root: Path) -> str:
    """The address of the project's tracking database."""
    return f"sqlite:///{(root / FOLDER).resolve() / 'mlflow.db'}"


def open_client(root: Path) -> tuple[MlflowClient, str]:
    """A client on the project's records, and the id of its experiment; both are made at the first call."""
    # MLflow reads these at import; it wants the word `true`, not 1.
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    from mlflow.tracking import MlflowClient

    folder = (root / FOLDER).resolve()
    folder.mkdir(exist_ok=True)
    # Two processes that make the database at once would run its migrations against each other.
    with FileLock(folder / "create.lock"):
        client = MlflowClient(tracking_uri=database_uri(root), registry_uri=database_uri(root))
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is not None:
            return client, experiment.experiment_id
        artefacts = (folder / "artefacts").as_uri()
        return client, client.create_experiment(EXPERIMENT, artifact_location=artefacts)
