"""What became of a candidate, who did it, and the registry that is told of it.

Leaves out: whether a candidate is released (promote.py), and the ledger, which is the truth (ledger.py).
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from components import tracking
from components.artefacts import ModelDescription
from components.errors import ArtefactError
from components.in_service import IN_SERVICE, InService, read_in_service, write_in_service
from components.release.records.ledger import LEDGER, RELEASED, Ledger, read_ledger, released_folder

REGISTRY_NAME = "sonoforge"
CANDIDATE, CHAMPION, PREVIOUS = "candidate", "champion", "previous"


class Registry(Protocol):
    """The registry's calls that a release needs; components.tracking is one."""

    def register_version(
        self,
        root: Path,
        name: str,
        *,
        digest: str,
        source: str,
        card: str,
        run_id: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> tracking.RegisteredVersion:
        """Register weights by their digest, or find the version that has them."""

    def set_alias(self, root: Path, name: str, *, alias: str, version: int) -> None:
        """Point an alias at a version."""

    def list_versions(self, root: Path, name: str) -> list[tracking.RegisteredVersion]:
        """All versions under a name."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What became of a candidate: the content of `reports/promotion.json`.

    `source` and `target` are the digests of the model in use before and after, `folder` where the released model
    stands (relative to the project), `package` the digest of the list of its files, `ledger` that of the ledger's
    entry.
    """

    action: Literal["promoted", "refused", "already champion", "rolled back"]
    verdict: str | None
    candidate: str
    name: str
    version: int | None
    source: str | None
    target: str | None
    folder: str | None
    reasons: tuple[str, ...]
    ledger: str
    package: str | None = None
    bento: str | None = None

    def as_json(self) -> dict[str, Any]:
        """JSON values, with `from` and `to` for the models before and after."""
        values = asdict(self) | {"schema": 1, "reasons": list(self.reasons)}
        return {{"source": "from", "target": "to"}.get(key, key): value for key, value in values.items()}


def actor() -> str:
    """Who is at work: the variable SONOFORGE_ACTOR, else the user's name on this machine."""
    named = os.environ.get("SONOFORGE_ACTOR")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def sync_aliases(root: Path, registry: Registry) -> dict[str, int]:
    """Point the aliases where the ledger says, `candidate` at the model judged last; returns the versions by digest."""
    ledger = read_ledger(root / LEDGER)
    sync_service(root, ledger)
    versions = {known.digest: known.version for known in registry.list_versions(root, REGISTRY_NAME)}
    judged = [entry.candidate for entry in ledger.entries if entry.action in ("promote", "refuse")]
    pointers = {CANDIDATE: judged[-1] if judged else None, CHAMPION: ledger.champion, PREVIOUS: ledger.previous}
    for alias, digest in pointers.items():
        if digest in versions:
            registry.set_alias(root, REGISTRY_NAME, alias=alias, version=versions[digest])
    return versions


def sync_service(root: Path, ledger: Ledger) -> None:
    """Name the model in use to the services that watch for it; does nothing where that stands there already."""
    if ledger.champion is None:
        return
    folder = released_folder(root, ledger.champion)
    moved = [each for each in ledger.entries if each.action in ("promote", "rollback")]
    assert moved, "a champion came by an entry"
    model = InService(
        schema=1,
        digest=ledger.champion,
        folder=folder.name,
        files_sha256=ledger.package_of(ledger.champion),
        entry=moved[-1].digest,
    )
    path = root / RELEASED / IN_SERVICE
    try:
        known = read_in_service(path)
    except ArtefactError:
        known = None
    if known != model:
        write_in_service(path, model)


def registry_tags(description: ModelDescription) -> dict[str, str]:
    """What the registry's version says of where a model comes from."""
    record = description.provenance
    named = {key: str(record[key]) for key in ("git_sha", "params_sha256", "pass_id") if key in record}
    return {f"sonoforge.{key}": value for key, value in named.items()} | {
        "sonoforge.phantom": str(description.phantom).lower()
    }
