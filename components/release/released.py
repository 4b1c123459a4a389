"""What stands in `models/released`, held against the ledger: a released model is the one that was promoted, or none.

A model folder vouches for its weights only by its own description, which whoever swaps the weights can swap, too. The
ledger's chain can't be rewritten unseen, so the digest that it names decides. Leaves out: the ledger itself
(ledger.py), and moving anything (promote.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from components.artefacts import DESCRIPTION, WEIGHTS, ModelDescription, read_description, sha256_of
from components.errors import ArtefactError, ReleaseError
from components.release.ledger import LEDGER, read_ledger, released_folder

CARD_JSON = "card.json"
RESTORE = (
    "don't use what is there; promote the model again from the folder that it was trained in, or put the folder back "
    "from a backup or from its Bento (`.bentoml/bentos/sonoforge/<version>/src/model`)"
)


def released_model(root: Path, digest: str) -> Path:
    """The folder of a model that the ledger names, after making sure that it is that model's.

    Raises
    ------
    ReleaseError
        If the folder is gone, unreadable, or another model's.
    """
    folder = released_folder(root, digest)
    if not folder.is_dir():
        raise ReleaseError(f"{folder} is gone", expected=f"the released model {digest[:12]}", remedy=RESTORE)
    _compare(folder, (digest,))
    return folder


def check_released(folder: Path) -> None:
    """Make sure that a model folder beside a ledger is the model that the ledger names; any other folder may be.

    Raises
    ------
    ReleaseError
        If it stands among released models and isn't the one whose digest its name begins, or the ledger was tampered
        with.
    """
    for place in _places(folder):
        ledger = place.parent / LEDGER.name
        if ledger.is_file():
            promoted = {entry.target for entry in read_ledger(ledger).entries if entry.action == "promote"}
            _compare(place, tuple(digest for digest in promoted if digest and digest[:12] == place.name))


def checked_description(folder: Path) -> ModelDescription:
    """Read a model folder's description and make sure that the weights are those it describes.

    A folder among released models must also be the one that the ledger names.

    Raises
    ------
    ReleaseError
        If the weights are missing or altered, or the released model isn't the promoted one.
    ArtefactError
        If there is no description.
    """
    check_released(folder)
    description = read_description(folder)
    weights = folder / WEIGHTS
    found = sha256_of(weights) if weights.is_file() else "no file"
    if found != description.weights_sha256:
        raise ReleaseError(
            f"{weights} has sha256 {found}",
            expected=f"{description.weights_sha256}, as {DESCRIPTION} says",
            remedy=remedy_for(folder, "restore the folder from a backup or `dvc checkout`; don't use these weights"),
        )
    return description


def read_card(folder: Path) -> dict[str, Any] | None:
    """A released model's card; None where the folder has none.

    Raises
    ------
    ArtefactError
        If it isn't a card.
    """
    path = folder / CARD_JSON
    if not path.is_file():
        return None
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise _no_card(path, str(error)) from None
    if not isinstance(card, dict):
        raise _no_card(path, f"it holds a {type(card).__name__}")
    return card


def remedy_for(folder: Path, otherwise: str) -> str:
    """What to do about a broken model folder: `otherwise`, unless it is a released one, which DVC doesn't keep."""
    return RESTORE if any((place.parent / LEDGER.name).is_file() for place in _places(folder)) else otherwise


def _places(folder: Path) -> tuple[Path, ...]:
    """Where a folder stands: by its name, and, where that goes over a link, where it leads."""
    return tuple(dict.fromkeys((folder.parent.resolve() / folder.name, folder.resolve())))


def _compare(folder: Path, digests: tuple[str, ...]) -> None:
    expected = f"the weights {' or '.join(digests) or 'of a promoted model'}, as the ledger says"
    try:
        found = read_description(folder).digest
    except ArtefactError as error:
        raise ReleaseError(error.found, expected=expected, remedy=RESTORE) from None
    if found not in digests:
        raise ReleaseError(f"{folder} holds the weights {found}", expected=expected, remedy=RESTORE)


def _no_card(path: Path, why: str) -> ArtefactError:
    return ArtefactError(
        f"{path} isn't a model card: {why}",
        expected="a JSON object",
        remedy=remedy_for(path.parent, "restore the file, or delete it: the folder works without a card"),
    )
