"""A model in a runtime: what predicting needs, and what is said of the runtime in answers, records and keys.

Leaves out: the runtimes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from components.promptable.embedding import Embedding, PromptBatch

if TYPE_CHECKING:
    import torch

THREADS = 2
"""With how many threads every runtime computes, so that sums are cut alike on every machine."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A runtime's name as parameters have it, its version, and how it computes.

    `told` are the words of the runtime itself: an execution provider, a precision, a number of threads.
    """

    name: str
    version: str
    told: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.told})"


class Runtime(Protocol):
    """A `Promptable` (components/promptable/predict.py) that says what runs it."""

    @property
    def facts(self) -> Facts:
        """What runs it."""
        ...

    @property
    def image_size_px(self) -> int:
        """The side of its square input."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it takes tensors."""
        ...

    def encode(self, images: Any) -> Embedding[Any]:
        """Images (B 3 S S) to embeddings."""
        ...

    def decode(self, embedding: Embedding[Any], prompts: PromptBatch[Any]) -> tuple[Any, Any]:
        """Prompts to mask logits (N S/4 S/4) and estimates of each mask's IoU (N)."""
        ...
