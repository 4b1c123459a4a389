"""A file of an exported network to its bytes: whole, and of the model beside which it lies.

A file says which weights it was made from and ends with the sha256 of itself: what doesn't fit `model.json`, or was
altered, isn't run. Both are read here and not by a runtime, so that every runtime refuses the same. Leaves out: how the
files are made (../export.py), and running them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from components.artefacts import ModelDescription
from components.errors import ArtefactError

ENCODER = "encoder.onnx"
DECODER = "decoder.onnx"
IMAGE = "image"
LEVELS = ("s4", "s8", "s16")
COORDS, LABELS, PREVIOUS = "coords", "labels", "previous"
LOGITS, QUALITY = "logits", "quality"
EXPORT_AGAIN = "export the model again (`dvc repro package`)"
_SEAL_KEY = b"content_sha256"
# Of onnx.proto: a ModelProto's metadata_props, and in each of them a key and a value.
_METADATA, _KEY, _VALUE = 14, 1, 2
# Protobuf's wire types: a varint, eight bytes, a length with as many bytes, four bytes.
_VARINT, _EIGHT, _SIZED, _FOUR = 0, 1, 2, 5


def has_exports(folder: Path) -> bool:
    """Whether a model folder holds its networks as ONNX; older ones don't."""
    return all((folder / name).is_file() for name in (ENCODER, DECODER))


def read_exported(folder: Path, name: str, description: ModelDescription) -> bytes:
    """The bytes of a model folder's file, of which nothing was altered.

    Raises
    ------
    ArtefactError
        If it is missing, altered, or made from other weights, for another image size or by another preprocessing than
        `model.json` says.
    """
    path = folder / name
    model = unsealed(path)
    facts = metadata(
        weights_sha256=description.digest,
        image_size_px=description.image_size_px,
        preprocess_version=description.preprocess_version,
    )
    _check_facts(path, properties(model), facts)
    return model


def metadata(*, weights_sha256: str, image_size_px: int, preprocess_version: int) -> dict[str, str]:
    """What each file says of the model that it was made from."""
    return {
        "weights_sha256": weights_sha256,
        "image_size_px": str(image_size_px),
        "preprocess_version": str(preprocess_version),
    }


def _check_facts(path: Path, found: Mapping[str, str], expected: Mapping[str, str]) -> None:
    for key, value in expected.items():
        if found.get(key) != value:
            raise ArtefactError(
                f"{path} was made for {key} {found.get(key, 'that it does not name')}",
                expected=f"{key} {value}, as model.json says",
                remedy=EXPORT_AGAIN,
            )


def seal(model: bytes) -> bytes:
    """The sha256 of a serialised ONNX model as one more entry of its metadata, to be put after it.

    A protobuf message followed by another is both merged: this is a ModelProto that holds nothing but an entry of
    `metadata_props` (field 14 of onnx.proto), written out as bytes so that its length is known to the reader.
    """
    value = hashlib.sha256(model).hexdigest().encode("ascii")
    entry = b"\x0a" + _sized(_SEAL_KEY) + b"\x12" + _sized(value)
    return b"\x72" + _sized(entry)


def _sized(content: bytes) -> bytes:
    return bytes([len(content)]) + content


def unsealed(path: Path) -> bytes:
    """The bytes of an ONNX file whose seal holds.

    Raises
    ------
    ArtefactError
        If the file is missing, or other than it was written.
    """
    if not path.is_file():
        raise ArtefactError(f"{path.parent} holds no {path.name}", expected="an exported model", remedy=EXPORT_AGAIN)
    data = path.read_bytes()
    length = len(seal(b""))
    if data[-length:] != seal(data[:-length]):
        raise ArtefactError(
            f"{path} was altered", expected="the sha256 that it ends with, of all before it", remedy=EXPORT_AGAIN
        )
    return data


def properties(model: bytes) -> dict[str, str]:
    """What a serialised ONNX model says of itself (`metadata_props`), without the library that wrote it.

    Only bytes whose seal holds are read: they are a message that was whole when it was written.
    """
    entries = [dict(_fields(value)) for number, value in _fields(model) if number == _METADATA]
    return {entry[_KEY].decode("utf-8"): entry[_VALUE].decode("utf-8") for entry in entries}


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The numbers of a protobuf message's fields, each with its content; that of numbers is left empty."""
    view, place = memoryview(message), 0
    while place < len(view):
        tag, place = _varint(view, place)
        number, kind = tag >> 3, tag & 7
        size = {_EIGHT: 8, _FOUR: 4}.get(kind, 0)
        if kind in (_VARINT, _SIZED):
            value, place = _varint(view, place)
            size = value if kind == _SIZED else 0
        yield number, bytes(view[place : place + size]) if number in (_METADATA, _KEY, _VALUE) else b""
        place += size


def _varint(view: memoryview, place: int) -> tuple[int, int]:
    """The number that begins at a place of a message, and where it ends."""
    value, shift = 0, 0
    while True:
        byte = view[place]
        value, place, shift = value | (byte & 0x7F) << shift, place + 1, shift + 7
        if byte < 0x80:
            return value, place
