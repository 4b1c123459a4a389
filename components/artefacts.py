"""Files that must never be half there: models as safetensors with their description, JSON, whole folders.

A model folder holds `weights.safetensors` and `model.json`; the description carries the weights' sha256, which
is checked before anything is loaded. Nothing is pickled. Everything is written beside its place and then
renamed. Leaves out: how a model is built from its description (components/students, components/teacher).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError

from components.errors import ArtefactError, first_fault
from components.types import Exposure

if TYPE_CHECKING:
    import torch

WEIGHTS = "weights.safetensors"
DESCRIPTION = "model.json"


class PretrainingExposure(BaseModel):
    """Which datasets the weights that a model began with had seen.

    `basis` says where that is known from, `datasets` what is known of single datasets, `otherwise` what holds for all
    others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    basis: str
    otherwise: Exposure
    datasets: dict[str, Exposure] = Field(default_factory=dict)

    def of(self, dataset: str) -> Exposure:
        """Whether the weights had seen a dataset."""
        return self.datasets.get(dataset, self.otherwise)


UNRECORDED = PretrainingExposure(basis="the model doesn't record it", otherwise="unknown")


class ModelDescription(BaseModel):
    """What `model.json` says: enough to build the model again and to trace it back.

    `config` holds the builder's arguments, `weights_sha256` the digest by which the model is known everywhere
    (`digest`). `phantom` is true if any training image was a phantom. `pretraining_exposure` is that of the base
    weights, for a student those of its teacher. `provenance` is the record of components/tracking/provenance.py.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    kind: Literal["teacher", "student", "unet"]
    name: str
    config: dict[str, Any]
    image_size_px: int = Field(ge=32, le=4096)
    preprocess_version: int
    phantom: bool
    base: str
    trained_on: tuple[str, ...]
    pretraining_exposure: PretrainingExposure = UNRECORDED
    provenance: dict[str, Any]
    weights_sha256: str = ""

    @property
    def digest(self) -> str:
        """The sha256 of the weights' file."""
        return self.weights_sha256

    @property
    def exposure(self) -> PretrainingExposure:
        """What the model had seen in all: by its base weights, and in its own training."""
        seen: dict[str, Exposure] = dict.fromkeys(self.trained_on, "yes")
        known = self.pretraining_exposure
        return known.model_copy(update={"datasets": {**known.datasets, **seen}})


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_digest(*places: Path) -> str:
    """The sha256 of Python files, names and content; a folder stands for all that it holds.

    What was begun under other code must not be taken up: this is what tells.
    """
    digest = hashlib.sha256()
    for place in places:
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.relative_to(place.parent).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write a file to; rename it into place at the end, delete it on any error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder`; at the end it takes that place; on an error it goes, the old one stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    beside.mkdir()
    try:
        yield beside
        take_place(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def take_place(beside: Path, folder: Path) -> None:
    """Rename a finished folder to `folder`, in place of what is there; on an error that stays."""
    old = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.old.tmp")
    try:
        if folder.exists():
            folder.rename(old)
        beside.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON with sorted keys, in one piece; NaN and infinity are refused."""
    write_text(path, _json(value) + "\n")


def write_json_streamed(path: Path, value: Mapping[str, Any]) -> None:
    """Write an object with the bytes that `write_json` gives it; values that are iterators become lists, of which one
    item is held at a time. They are read in the order of their names."""
    with replacing(path) as beside, beside.open("w", encoding="utf-8") as file:
        for number, name in enumerate(sorted(value)):
            file.write(("," if number else "{") + f"\n  {_json(name)}: ")
            if isinstance(value[name], Iterator):
                file.writelines(_list_parts(value[name]))
            else:
                file.write(_json(value[name]).replace("\n", "\n  "))
        file.write("\n}\n" if value else "{}\n")


def _list_parts(items: Iterator[Any]) -> Iterator[str]:
    """A list within an object, item by item."""
    begin = "["
    for item in items:
        yield f"{begin}\n    " + _json(item).replace("\n", "\n    ")
        begin = ","
    yield "[]" if begin == "[" else "\n  ]"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one piece."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def weights_digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """The sha256 that these weights have as a model folder's file: the digest by which a model is known."""
    return hashlib.sha256(_as_safetensors(tensors)).hexdigest()


def _as_safetensors(tensors: Mapping[str, torch.Tensor]) -> bytes:
    # Stages that only move data import this module too; torch would cost each of them four seconds.
    from safetensors.torch import save

    return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def save_model(folder: Path, tensors: Mapping[str, torch.Tensor], description: ModelDescription) -> ModelDescription:
    """Write a model folder in one piece; returns the description with the weights' sha256."""
    with replacing_folder(folder) as beside:
        weights = beside / WEIGHTS
        # Written by us, so that a full disk is an OSError like any other; safetensors would wrap it.
        weights.write_bytes(_as_safetensors(tensors))
        described = description.model_copy(update={"weights_sha256": sha256_of(weights)})
        write_json(beside / DESCRIPTION, described.model_dump(mode="json"))
    return described


def read_description(folder: Path) -> ModelDescription:
    """Read `model.json` of a model folder.

    Raises
    ------
    ArtefactError
        If it is missing or not a description of this schema.
    """
    path = folder / DESCRIPTION
    try:
        return ModelDescription.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ArtefactError(
            f"{folder} holds no {DESCRIPTION}",
            expected=f"a model folder with {DESCRIPTION} and {WEIGHTS}",
            remedy="train one (`dvc repro`), or name another model",
        ) from None
    except ValidationError as error:
        raise ArtefactError(
            f"{path}: {first_fault(error)}",
            expected="a description of schema version 1",
            remedy="use the SonoForge version that wrote it, or train again",
        ) from None


def check_weights(folder: Path, description: ModelDescription) -> Path:
    """Make sure that a model folder's weights are those that its description names; returns their file.

    Raises
    ------
    ArtefactError
        If the file is missing or altered.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise ArtefactError(
            f"{folder} holds no {WEIGHTS}", expected="the weights", remedy="restore the folder: `dvc checkout`"
        )
    found = sha256_of(path)
    if found != description.weights_sha256:
        raise ArtefactError(
            f"{path} has sha256 {found}",
            expected=f"{description.weights_sha256}, as {DESCRIPTION} says",
            remedy="restore the folder: `dvc checkout`; don't use these weights",
        )
    return path


def load_tensors(folder: Path, description: ModelDescription) -> dict[str, torch.Tensor]:
    """Load a model folder's weights to the CPU after checking their sha256.

    Raises
    ------
    ArtefactError
        If the file is missing, altered or not safetensors.
    """
    from safetensors.torch import load_file

    path = check_weights(folder, description)
    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise ArtefactError(
            f"{path}: not safetensors ({error})",
            expected="safetensors",
            remedy="restore the folder: `dvc checkout`",
        ) from None
