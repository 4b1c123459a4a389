"""What passes between an image, its prompts and a model: maps of images, prompts as rows of numbers; and that model.

Maps and rows hold PyTorch's tensors or NumPy's arrays, as the model takes them that they go to. A service that runs an
exported network needs no PyTorch, whose import takes seconds and 200 MB; nothing here imports it before it is handed a
tensor. Leaves out: networks, and what is made of a person's prompts (predict.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeVar

if TYPE_CHECKING:
    import torch

LEVEL_STRIDES = (4, 8, 16)
NO_PREVIOUS = -1.0
"""What `PromptBatch.previous` holds where there is no previous mask."""
Array = NDArray[Any]
A = TypeVar("A", bound="torch.Tensor | Array", default="torch.Tensor")


@dataclass(frozen=True, slots=True)
class Embedding(Generic[A]):
    """What the decoder needs of B images: maps at strides 4 (32 channels), 8 (64) and 16 (256)."""

    s4: A
    s8: A
    s16: A

    @property
    def nbytes(self) -> int:
        """Bytes that the three maps take."""
        return sum(int(map_.nbytes) for map_ in (self.s4, self.s8, self.s16))


@dataclass(frozen=True, slots=True)
class PromptBatch(Generic[A]):
    """N prompts as SAM2 takes them.

    `image_index` (N, int64) says which image of the embedding each belongs to; `coords` (N P 2, float32) are input
    pixels; `labels` (N P, int64): 1 and 0 a positive and a negative click, 2 and 3 a box's first and last corner,
    -1 padding. `previous` (N S/4 S/4, float32) is the share of each cell that a previous mask covers, 0 to 1, all
    `NO_PREVIOUS` for a prompt that has none; None where no prompt has one.
    """

    image_index: A
    coords: A
    labels: A
    previous: A | None = None

    def to(self, device: torch.device) -> PromptBatch[torch.Tensor]:
        """The batch as tensors on a device."""
        return PromptBatch(
            image_index=to_tensor(self.image_index, device),
            coords=to_tensor(self.coords, device),
            labels=to_tensor(self.labels, device),
            previous=None if self.previous is None else to_tensor(self.previous, device),
        )


class Promptable(Protocol):
    """What predicting needs of a model: a `Segmenter`, or the same one exported (runtimes/exported.py)."""

    @property
    def image_size_px(self) -> int:
        """The side of its square input."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it takes its tensors."""
        ...

    def encode(self, images: Any) -> Embedding[Any]:
        """Images (B 3 S S) to embeddings."""
        ...

    def decode(self, embedding: Embedding[Any], prompts: PromptBatch[Any]) -> tuple[Any, Any]:
        """Prompts to mask logits (N S/4 S/4) and estimates of each mask's IoU (N)."""
        ...


def to_tensor(values: torch.Tensor | Array, device: torch.device) -> torch.Tensor:
    """Values as a tensor on a device; without a copy where they are there."""
    import torch

    return torch.as_tensor(values).to(device)


def to_array(values: torch.Tensor | Array) -> Array:
    """Values as an array in memory; without a copy where they are there."""
    return values if isinstance(values, np.ndarray) else values.detach().cpu().numpy()


def together(parts: Sequence[A]) -> A:
    """Tensors or arrays, one after the other along their first axis."""
    first = parts[0]
    if isinstance(first, np.ndarray):
        return cast(A, np.concatenate(cast(Sequence[Array], parts)))
    import torch

    return cast(A, torch.cat(cast(list[torch.Tensor], list(parts))))
