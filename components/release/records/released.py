"""What stands in `models/released`, held against the ledger: a released model is the one that was promoted, or none.

A model folder vouches for its weights only by its own description, which whoever swaps the weights can swap, too. So
the digests that the ledger names decide: of the weights, of verdict and card, and of the list of the package's files
(`files.json`), by which calibration and ONNX files are known. Leaves out: the ledger itself (ledger.py), and moving
anything (promote.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from components.artefacts import DESCRIPTION, WEIGHTS, ModelDescription, read_description, sha256_of
from components.errors import ArtefactError, ReleaseError
from components.listing import FILES, check_listed
from components.release.files import package_digest
from components.release.records.ledger import LEDGER, Entry, Ledger, read_ledger, released_folder

CARD_JSON, CARD_MARKDOWN, GATE = "card.json", "card.md", "gate.json"
RESTORE = (
    "don't use what is there; promote the model again from the folder that it was trained in, or put the folder back "
    "from a backup or from its Bento (`.bentoml/bentos/sonoforge/<version>/src/model`)"
)


def released_model(root: Path, digest: str) -> Path:
    """The folder of a model that the ledger names, after making sure that it is that model's.

    Raises
    ------
    ReleaseError
        If the folder is gone, unreadable, or another model's, or a file of its package, card or verdict was changed.
    """
    folder = released_folder(root, digest)
    if not folder.is_dir():
        raise ReleaseError(f"{folder} is gone", expected=f"the released model {digest[:12]}", remedy=RESTORE)
    _compare(folder, (digest,), read_ledger(root / LEDGER))
    return folder


def check_released(folder: Path) -> None:
    """Make sure that a model folder beside a ledger is the model that the ledger names; any other folder may be.

    Raises
    ------
    ReleaseError
        If it stands among released models and isn't the one whose digest its name begins, a file of its package was
        changed, or its card or verdict, or the ledger was tampered with.
    """
    for place in _places(folder):
        path = place.parent / LEDGER.name
        if path.is_file():
            ledger = read_ledger(path)
            promoted = {entry.target for entry in ledger.entries if entry.action == "promote"}
            _compare(place, tuple(digest for digest in promoted if digest and digest[:12] == place.name), ledger)


def checked_description(folder: Path) -> ModelDescription:
    """Read a model folder's description and make sure that the weights are those it describes.

    A folder among released models must also be the one that the ledger names.

    Raises
    ------
    ReleaseError
        If the weights or another file of its package are missing or altered, or the released model isn't the promoted
        one.
    ArtefactError
        If there is no description.
    """
    check_released(folder)
    return intact_description(folder)


def intact_description(folder: Path) -> ModelDescription:
    """Read a model folder's description and make sure that its files are those that it lists, wherever it stands.

    Raises
    ------
    ReleaseError
        If the weights or another file of its package are missing or altered.
    ArtefactError
        If there is no description.
    """
    description = read_description(folder)
    weights = folder / WEIGHTS
    found = sha256_of(weights) if weights.is_file() else "no file"
    if found != description.weights_sha256:
        raise ReleaseError(
            f"{weights} has sha256 {found}",
            expected=f"{description.weights_sha256}, as {DESCRIPTION} says",
            remedy=remedy_for(folder, "restore the folder from a backup or `dvc checkout`; don't use these weights"),
        )
    _check_package(folder)
    return description


def _check_package(folder: Path) -> None:
    """Make sure that the files of a model folder are those that its list names, if it has a list."""
    try:
        check_listed(folder)
    except ArtefactError as error:
        remedy = remedy_for(folder, RESTORE)
        raise ReleaseError(error.found, expected=error.expected, remedy=remedy) from None


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


def _compare(folder: Path, digests: tuple[str, ...], ledger: Ledger) -> None:
    expected = f"the weights {' or '.join(digests) or 'of a promoted model'}, as the ledger says"
    try:
        found = read_description(folder).digest
    except ArtefactError as error:
        raise ReleaseError(error.found, expected=expected, remedy=RESTORE) from None
    if found not in digests:
        raise ReleaseError(f"{folder} holds the weights {found}", expected=expected, remedy=RESTORE)
    _check_papers(folder, ledger.promotion_of(found))
    package = ledger.package_of(found)
    if package is None:  # It was released before packages were judged.
        return
    listing = folder / FILES
    listed = sha256_of(listing) if listing.is_file() else "no file"
    if listed != package:
        raise ReleaseError(f"{listing} has sha256 {listed}", expected=f"{package}, as the ledger says", remedy=RESTORE)
    _check_package(folder)


def card_digest(folder: Path) -> str | None:
    """The sha256 of the list of a released folder's card, as data and as text; None where it has neither."""
    found = {name: sha256_of(folder / name) for name in (CARD_JSON, CARD_MARKDOWN) if (folder / name).is_file()}
    return package_digest(found) if found else None


def _check_papers(folder: Path, entry: Entry | None) -> None:
    """Make sure that verdict and card are those that were entered; older entries know of none."""
    if entry is None or entry.card_sha256 is None:
        return
    gate = folder / GATE
    papers = {
        GATE: (sha256_of(gate) if gate.is_file() else None, entry.gate_sha256),
        f"{CARD_JSON} or {CARD_MARKDOWN}": (card_digest(folder), entry.card_sha256),
    }
    for name, (found, expected) in papers.items():
        if found != expected:
            raise ReleaseError(
                f"{folder}: {name} was changed since this model was released",
                expected=f"the sha256 {str(expected)[:12]}, as the ledger says",
                remedy=RESTORE,
            )


def _no_card(path: Path, why: str) -> ArtefactError:
    return ArtefactError(
        f"{path} isn't a model card: {why}",
        expected="a JSON object",
        remedy=remedy_for(path.parent, "restore the file, or delete it: the folder works without a card"),
    )
