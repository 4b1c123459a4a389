"""A model folder to its description, of the kind that is asked for and made by this preprocessing.

Without PyTorch. Leaves out: building what is described (model_folder.py), and running it (runtimes).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from components.artefacts import ModelDescription, read_description
from components.errors import ArtefactError
from components.preprocess import PREPROCESS_VERSION


def read_described(folder: Path, *, kind: Literal["teacher", "student"]) -> ModelDescription:
    """Read the description of a teacher's or a student's folder.

    Raises
    ------
    ArtefactError
        If there is none, it is of another kind, or the model was made with another version of
        components/preprocess.py.
    """
    description = read_description(folder)
    if description.kind != kind:
        raise ArtefactError(
            f"{folder} holds a {description.kind}", expected=f"a {kind}", remedy=f"name a {kind}'s folder"
        )
    if description.preprocess_version != PREPROCESS_VERSION:
        raise ArtefactError(
            f"{folder} was made with preprocessing version {description.preprocess_version}",
            expected=f"version {PREPROCESS_VERSION}",
            remedy="use the SonoForge version that made it, or train again",
        )
    return description
