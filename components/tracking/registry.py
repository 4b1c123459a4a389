"""Promoted models to MLflow's registry: a version is a pointer with a card and a digest, an alias points at one.

The alias is only a pointer; the truth about promotions is the ledger of components/release. Weights aren't
copied: a version names their folder and sha256. Leaves out: whether a model may be promoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.tracking.store import open_client

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

DIGEST = "sonoforge.weights_sha256"
SOURCE = "sonoforge.source"


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version in the registry: `source` is the model's folder, `digest` the sha256 of its weights."""

    name: str
    version: int
    digest: str
    source: str
    run_id: str | None
    tags: dict[str, str]


def register_version(
    root: Path,
    name: str,
    *,
    digest: str,
    source: str,
    card: str,
    run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> RegisteredVersion:
    """Register weights by their digest, or find the version that has them already.

    `source` is the model's folder relative to the project's root, `card` the model card's text, `run_id` the
    MLflow run that made it. A version whose model has moved gets the new place, and the card of there.
    """
    client, _ = open_client(root)
    if name not in {model.name for model in client.search_registered_models(filter_string=f"name = '{name}'")}:
        client.create_registered_model(name)
    for known in list_versions(root, name):
        if known.digest == digest:
            if client.get_model_version(name, str(known.version)).tags.get(SOURCE) != source:
                client.update_model_version(name, str(known.version), description=card)
                client.set_model_version_tag(name, str(known.version), SOURCE, source)
            return known
    made = client.create_model_version(
        name,
        source=(root / source).resolve().as_uri(),
        run_id=run_id,
        tags={**(tags or {}), DIGEST: digest, SOURCE: source},
        description=card,
    )
    return _registered(made)


def list_versions(root: Path, name: str) -> list[RegisteredVersion]:
    """All versions under a name, oldest first; none where the name isn't registered."""
    client, _ = open_client(root)
    found = client.search_model_versions(f"name = '{name}'")
    return sorted((_registered(version) for version in found), key=lambda version: version.version)


def find_run(root: Path, *, digest: str) -> str | None:
    """The id of the latest MLflow run that made the weights with this sha256, if there is one."""
    client, experiment = open_client(root)
    found = client.search_runs([experiment], f"tags.`{DIGEST}` = '{digest}'", max_results=1)
    return str(found[0].info.run_id) if found else None


def run_record(root: Path, run_id: str) -> dict[str, str] | None:
    """What is recorded of an MLflow run beside numbers: its status and this project's tags; None if there is none."""
    from mlflow.exceptions import MlflowException

    client, _ = open_client(root)
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    prefix = "sonoforge."
    tags = {key.removeprefix(prefix): value for key, value in sorted(run.data.tags.items()) if key.startswith(prefix)}
    return {"status": str(run.info.status), **tags}


def set_alias(root: Path, name: str, *, alias: str, version: int) -> None:
    """Point an alias at a version."""
    client, _ = open_client(root)
    client.set_registered_model_alias(name, alias, str(version))


def _registered(version: ModelVersion) -> RegisteredVersion:
    return RegisteredVersion(
        name=version.name,
        version=int(version.version),
        digest=version.tags.get(DIGEST, ""),
        source=version.tags.get("sonoforge.source", ""),
        run_id=version.run_id or None,
        tags=dict(version.tags),
    )
