"""A model's two exported networks as what components/promptable/predict.py takes, whichever runtime runs them.

Everything before the networks and after them is the same code for all; arrays go in and come out, and PyTorch isn't
imported. Images and prompts go through the networks one by one, so that an answer doesn't depend, to the bit, on what
came with it. Leaves out: the runtimes (onnxruntime.py, openvino.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from components.errors import ArtefactError, PromptError
from components.promptable.embedding import LEVEL_STRIDES, NO_PREVIOUS, Array, Embedding, PromptBatch, to_array
from components.promptable.runtimes.runtime import Facts
from components.promptable.runtimes.sealed import (
    COORDS,
    DECODER,
    ENCODER,
    EXPORT_AGAIN,
    IMAGE,
    LABELS,
    LEVELS,
    LOGITS,
    PREVIOUS,
    QUALITY,
)

if TYPE_CHECKING:
    import torch


class Network(Protocol):
    """One exported network, loaded; any number of threads may share it."""

    @property
    def inputs(self) -> frozenset[str]:
        """The names of its inputs."""
        ...

    def run(self, outputs: Sequence[str], given: Mapping[str, Array]) -> list[Array]:
        """The named outputs for given inputs."""
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """The two networks of one model; any number of threads may share it."""

    encoder: Network
    decoder: Network
    image_size_px: int
    facts: Facts

    def __post_init__(self) -> None:
        """Refuse networks that take other things than their places are given.

        Raises
        ------
        ArtefactError
            As the files of encoder and decoder in each other's place would be: both are of the same model, and whole.
        """
        _check_inputs(ENCODER, self.encoder, frozenset({IMAGE}))
        _check_inputs(DECODER, self.decoder, frozenset({*LEVELS, COORDS, LABELS}), also=frozenset({PREVIOUS}))

    @property
    def device(self) -> torch.device:
        """Where it would take tensors of those who have them: in memory."""
        import torch

        return torch.device("cpu")

    @property
    def takes_masks(self) -> bool:
        """Whether the decoder has an input for previous masks; those of older exports have none."""
        return PREVIOUS in self.decoder.inputs

    def encode(self, images: Any) -> Embedding[Array]:
        """Turn images (B 3 S S, of components.preprocess.to_planes) into embeddings, one after the other."""
        each = [self.encoder.run(LEVELS, {IMAGE: image[None]}) for image in to_array(images)]
        s4, s8, s16 = (_together(level) for level in zip(*each, strict=True))
        return Embedding(s4=s4, s8=s8, s16=s16)

    def decode(self, embedding: Embedding[Any], prompts: PromptBatch[Any]) -> tuple[Array, Array]:
        """Turn prompts into mask logits (N S/4 S/4) and estimates of each mask's IoU (N), one after the other.

        Raises
        ------
        PromptError
            If a previous mask is given to a model that was exported before they were known.
        """
        levels = {level: to_array(getattr(embedding, level)) for level in LEVELS}
        coords, labels = to_array(prompts.coords), to_array(prompts.labels)
        previous = self._previous(prompts)
        each = [
            self.decoder.run(
                (LOGITS, QUALITY),
                {
                    **{level: maps[image, None] for level, maps in levels.items()},
                    COORDS: coords[row, None],  # 1 P 2
                    LABELS: labels[row, None],  # 1 P
                    **({} if previous is None else {PREVIOUS: previous[row, None]}),  # 1 S/4 S/4
                },
            )
            for row, image in enumerate(to_array(prompts.image_index).tolist())
        ]
        logits, quality = (_together(output) for output in zip(*each, strict=True))
        return logits, quality

    def _previous(self, prompts: PromptBatch[Any]) -> Array | None:
        """What the decoder's input for previous masks is given (N S/4 S/4); None where it has none."""
        if self.takes_masks:
            if prompts.previous is not None:
                return to_array(prompts.previous)
            cells = self.image_size_px // LEVEL_STRIDES[0]
            return np.full((len(prompts.labels), cells, cells), NO_PREVIOUS, dtype=np.float32)
        if prompts.previous is not None:
            raise PromptError(
                "a previous mask for a model that was exported without an input for it",
                expected="a box or points",
                remedy=f"leave the mask out, or {EXPORT_AGAIN}",
            )
        return None


def _check_inputs(file: str, network: Network, expected: frozenset[str], *, also: frozenset[str] = frozenset()) -> None:
    if not expected <= network.inputs <= expected | also:
        raise ArtefactError(
            f"the network of {file} takes {', '.join(sorted(network.inputs)) or 'nothing'}",
            expected=f"{', '.join(sorted(expected))}" + (f", and perhaps {', '.join(sorted(also))}" if also else ""),
            remedy=f"encoder and decoder may be in each other's place: {EXPORT_AGAIN}",
        )


def _together(outputs: Sequence[Array]) -> Array:
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
