"""Which released model a service should serve: a small file that promotions and rollbacks write, and services watch.

It only repeats what the ledger says (components/release/records), for readers that don't read ledgers. The model folder
is held against the digests that stand here. Leaves out: who writes it when, and serving.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from components.artefacts import write_json
from components.errors import ArtefactError

IN_SERVICE = "in_service.json"
MAX_BYTES = 2**16
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class InService(BaseModel):
    """The model to serve: the digest of its weights, its folder beside the file, and the digest of its list of files.

    `entry` is the digest of the ledger's entry by which it came into use; `files_sha256` is that of `files.json` in the
    folder, None for a model that was released before there were such lists.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = Field(1, alias="schema")
    digest: Sha256
    folder: str = Field(min_length=1, max_length=200)
    files_sha256: Sha256 | None = None
    entry: Sha256

    @field_validator("folder")
    @classmethod
    def _beside(cls, folder: str) -> str:
        path = PurePosixPath(folder)
        if path.is_absolute() or ".." in path.parts or len(path.parts) != 1:
            raise ValueError("the folder must lie beside the file")
        return folder


def write_in_service(path: Path, model: InService) -> None:
    """Name the model to serve; the file is whole at every moment."""
    write_json(path, model.model_dump(mode="json", by_alias=True))


def _read(path: Path) -> bytes:
    """What a regular file holds, if it is small: a pipe would never end, and a large file isn't ours."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it isn't a file")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it holds over {MAX_BYTES:,} bytes")
    return data


def read_in_service(path: Path) -> InService | None:
    """The model to serve; None where no file names one.

    Raises
    ------
    ArtefactError
        If the file is broken.
    """
    try:
        return InService.model_validate(json.loads(_read(path)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise ArtefactError(
            f"{path} names no model to serve: {(str(error) or type(error).__name__).splitlines()[0]}",
            expected="what a promotion or a rollback writes there",
            remedy="run `sonoforge serve`, which writes it anew from the ledger",
        ) from None
