"""A model folder's ONNX files to a model that ONNX Runtime runs, in place of PyTorch and its `Segmenter`.

An `Exported` is what components/promptable/predict.py takes, so that everything before the networks and after them
is the same code. A file says which weights it was made from and ends with the sha256 of itself: what doesn't fit
`model.json`, or was altered, isn't run. Leaves out: how the files are made (export.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from components.artefacts import read_description
from components.errors import ArtefactError, PromptError
from components.promptable.model_folder import check_preprocessing
from components.promptable.predict import INFERENCE_THREADS
from components.promptable.segmenter import LEVEL_STRIDES, NO_PREVIOUS, Embedding, PromptBatch

ENCODER = "encoder.onnx"
DECODER = "decoder.onnx"
IMAGE = "image"
LEVELS = ("s4", "s8", "s16")
COORDS, LABELS, PREVIOUS = "coords", "labels", "previous"
LOGITS, QUALITY = "logits", "quality"
_SEAL_KEY = b"content_sha256"
_EXPORT_AGAIN = "export the model again (`dvc repro package`)"


@dataclass(frozen=True, slots=True)
class Exported:
    """The two sessions of one model; any number of threads may share it."""

    encoder: onnxruntime.InferenceSession
    decoder: onnxruntime.InferenceSession
    image_size_px: int

    @property
    def device(self) -> torch.device:
        """The CPU, where ONNX Runtime gives the same masks on every machine of a kind."""
        return torch.device("cpu")

    @property
    def takes_masks(self) -> bool:
        """Whether the decoder has an input for previous masks; those of older exports have none."""
        return PREVIOUS in {given.name for given in self.decoder.get_inputs()}

    def encode(self, images: Tensor) -> Embedding:
        """Turn images (B 3 S S, of components.preprocess.to_input) into embeddings, one after the other."""
        each = [self.encoder.run(LEVELS, {IMAGE: image[None].numpy()}) for image in images]
        s4, s8, s16 = (torch.from_numpy(np.concatenate(level)) for level in zip(*each, strict=True))
        return Embedding(s4=s4, s8=s8, s16=s16)

    def decode(self, embedding: Embedding, prompts: PromptBatch) -> tuple[Tensor, Tensor]:
        """Turn prompts into mask logits (N S/4 S/4) and estimates of each mask's IoU (N), one after the other.

        Raises
        ------
        PromptError
            If a previous mask is given to a model that was exported before they were known.
        """
        takes_masks = self.takes_masks
        if prompts.previous is not None and not takes_masks:
            raise PromptError(
                "a previous mask for a model that was exported without an input for it",
                expected="a box or points",
                remedy=f"leave the mask out, or {_EXPORT_AGAIN}",
            )
        previous = prompts.previous
        if takes_masks and previous is None:
            cells = self.image_size_px // LEVEL_STRIDES[0]
            previous = torch.full((len(prompts.labels), cells, cells), NO_PREVIOUS)
        each = [
            self.decoder.run(
                (LOGITS, QUALITY),
                {
                    **{level: getattr(embedding, level)[image, None].numpy() for level in LEVELS},
                    COORDS: prompts.coords[row, None].numpy(),  # 1 P 2
                    LABELS: prompts.labels[row, None].numpy(),  # 1 P
                    **({} if previous is None else {PREVIOUS: previous[row, None].numpy()}),  # 1 S/4 S/4
                },
            )
            for row, image in enumerate(prompts.image_index.tolist())
        ]
        logits, quality = (torch.from_numpy(np.concatenate(output)) for output in zip(*each, strict=True))
        return logits, quality


def load_exported(folder: Path) -> Exported:
    """Load `encoder.onnx` and `decoder.onnx` of a model folder, on the threads that `predict.pin_threads` gives torch.

    Raises
    ------
    ArtefactError
        If a file is missing, altered, or made from other weights, for another image size or by another preprocessing
        than `model.json` says.
    """
    description = read_description(folder)
    check_preprocessing(folder, description)
    sessions = {}
    for name in (ENCODER, DECODER):
        path = folder / name
        sessions[name] = open_session(unsealed(path))
        facts = metadata(
            weights_sha256=description.digest,
            image_size_px=description.image_size_px,
            preprocess_version=description.preprocess_version,
        )
        _check_facts(path, sessions[name].get_modelmeta().custom_metadata_map, facts)
    return Exported(sessions[ENCODER], sessions[DECODER], description.image_size_px)


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
                remedy=_EXPORT_AGAIN,
            )


def open_session(model: bytes, *, threads: int = INFERENCE_THREADS) -> onnxruntime.InferenceSession:
    """A session of a serialised model, on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


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
        raise ArtefactError(f"{path.parent} holds no {path.name}", expected="an exported model", remedy=_EXPORT_AGAIN)
    data = path.read_bytes()
    length = len(seal(b""))
    if data[-length:] != seal(data[:-length]):
        raise ArtefactError(
            f"{path} was altered", expected="the sha256 that it ends with, of all before it", remedy=_EXPORT_AGAIN
        )
    return data
