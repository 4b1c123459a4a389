"""A released model's folder to its card, and to the version by which files and answers name the model.

Leaves out: writing the card (components/release/documents/model_card.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.artefacts import ModelDescription
from components.errors import ArtefactError

CARD = "card.json"


def read_card(folder: Path) -> dict[str, Any] | None:
    """A model's card as it was released; None where its folder has none.

    Raises
    ------
    ArtefactError
        If it isn't a JSON object.
    """
    path = folder / CARD
    if not path.is_file():
        return None
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        card = f"no JSON, {error}"
    if not isinstance(card, dict):
        raise ArtefactError(
            f"{path} isn't a model card: {str(card)[:200]}",
            expected="a JSON object",
            remedy="promote the model again, which writes its card, or delete the file: a model needs none",
        )
    return card


def version_of(card: Mapping[str, Any] | None, description: ModelDescription) -> str:
    """The version that a model was released as; without one, the beginning of its digest stands for it."""
    return str((card or {}).get("version") or description.digest[:12])
