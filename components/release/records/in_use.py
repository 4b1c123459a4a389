"""Which model is in use, which were, and the way back to the former one: all by the ledger.

Leaves out: how a model comes into use (promote.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components import tracking
from components.errors import ReleaseError
from components.release.records.ledger import LEDGER, Entry, accept, append, read_ledger, released_folder
from components.release.records.lock import release_lock
from components.release.records.promotion import CHAMPION, PREVIOUS, Promotion, Registry, actor, sync_aliases
from components.release.records.released import checked_description, read_card, released_model


def rollback(root: Path, *, reason: str, who: str | None = None, registry: Registry = tracking) -> Promotion:
    """Bring the former model back into use; the one that was in use becomes the former one.

    Raises
    ------
    ReleaseError
        If there is no former model, its folder is gone, altered or another model's, or the ledger was tampered with.
    """
    with release_lock(root):
        ledger = read_ledger(root / LEDGER)
        if ledger.champion is None or ledger.previous is None:
            raise ReleaseError(
                "there is no former model to go back to",
                expected="two promoted models",
                remedy="promote another model first; `sonoforge models` lists them",
            )
        folder = released_model(root, ledger.previous)
        description = checked_description(folder)
        entry = append(
            root / LEDGER,
            action="rollback",
            who=who or actor(),
            source=ledger.champion,
            target=ledger.previous,
            candidate=None,
            gate_sha256=None,
            reason=reason,
        )
        versions = sync_aliases(root, registry)
        return Promotion(
            action="rolled back",
            verdict=None,
            candidate=description.digest,
            name=description.name,
            version=versions.get(description.digest),
            source=ledger.champion,
            target=ledger.previous,
            folder=folder.relative_to(root).as_posix(),
            reasons=(reason,),
            ledger=entry.digest,
        )


def accept_ledger(root: Path, *, reason: str, who: str | None = None) -> Entry:
    """Go on with a ledger that was cut, put back or lost its anchor, as it is now; who did so and why is entered in it.

    Raises
    ------
    ReleaseError
        If there is no reason, nothing to accept, or a line was tampered with.
    """
    if not reason.strip():
        raise ReleaseError(
            "an acceptance without a reason", expected="why, in words", remedy='say it: `--reason "restored from …"`'
        )
    with release_lock(root):
        return accept(root / LEDGER, who=who or actor(), reason=reason.strip())


def champion_folder(root: Path) -> Path | None:
    """The folder of the model in use, by the ledger; None if there is none.

    Raises
    ------
    ReleaseError
        If the folder isn't that model's, or the ledger was tampered with.
    """
    digest = read_ledger(root / LEDGER).champion
    return None if digest is None else released_model(root, digest)


def models_table(root: Path) -> list[dict[str, Any]]:
    """All released models by the ledger, oldest first: digest, folder, when promoted, by whom, and their alias.

    Raises
    ------
    ReleaseError
        If a folder is another model's than the ledger says, or the ledger was tampered with.
    ArtefactError
        If a card is broken.
    """
    ledger = read_ledger(root / LEDGER)
    rows: dict[str, dict[str, Any]] = {}
    for entry in ledger.entries:
        if entry.action == "promote" and entry.target is not None:
            rows[entry.target] = {"digest": entry.target, "promoted_at": entry.at, "by": entry.who}
    for digest, row in rows.items():
        folder = released_folder(root, digest)
        card = read_card(released_model(root, digest)) if folder.is_dir() else None
        found = card or {}
        row["alias"] = CHAMPION if digest == ledger.champion else PREVIOUS if digest == ledger.previous else ""
        row |= {"name": found.get("name"), "version": found.get("version"), "phantom": found.get("phantom")}
        row["folder"] = folder.relative_to(root).as_posix() if card is not None else None
    return list(rows.values())
