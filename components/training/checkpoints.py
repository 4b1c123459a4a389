"""A training's state to a file that is never half there, and back.

Leaves out: what belongs to the state, and when it is written (loop.py).
"""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import torch

from components.artefacts import replacing

log = logging.getLogger(__name__)
CHECKPOINT = "checkpoint.pt"


def write_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write a state, which holds its training's `fingerprint`, in one piece."""
    # Through a file object a full disk is an OSError; given a path, torch would raise one of its own.
    with replacing(folder / CHECKPOINT) as beside, beside.open("wb") as file:
        torch.save(state, file)


def read_checkpoint(folder: Path, fingerprint: str) -> dict[str, Any] | None:
    """Read the state of the training with this fingerprint, on the CPU; None if there is none."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError):
        return None
    known = isinstance(state, dict) and state.get("fingerprint") == fingerprint
    return state if known else None


def drop_foreign_checkpoint(folder: Path, fingerprint: str) -> None:
    """Delete a checkpoint that belongs to another training or can't be read."""
    path = folder / CHECKPOINT
    if path.is_file() and read_checkpoint(folder, fingerprint) is None:
        log.warning("%s belongs to another training or can't be read; starting afresh", path)
        path.unlink()
