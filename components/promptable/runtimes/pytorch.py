"""A model folder to its segmenter in PyTorch, folded as the exported networks are.

Imports PyTorch, which the other runtimes don't need. Leaves out: the network itself, and validation, which takes the
segmenter as it was trained (components/promptable/model_folder.py).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from components.promptable.embedding import Embedding, Promptable, PromptBatch
from components.promptable.folding.segmenter import fold
from components.promptable.model_folder import load_segmenter
from components.promptable.predict import pin_threads
from components.promptable.runtimes.runtime import THREADS, Facts

NAME = "pytorch"


@dataclass(frozen=True, slots=True)
class PyTorch:
    """A segmenter that any number of threads may share, each with as many threads of PyTorch's own."""

    segmenter: Promptable
    facts: Facts
    _threads: threading.local = field(default_factory=threading.local, repr=False)

    @property
    def image_size_px(self) -> int:
        """The side of its square input."""
        return self.segmenter.image_size_px

    @property
    def device(self) -> torch.device:
        """Where it takes its tensors."""
        return self.segmenter.device

    def encode(self, images: Tensor) -> Embedding[Any]:
        """Images (B 3 S S) to embeddings."""
        self._pin()
        return self.segmenter.encode(images)

    def decode(self, embedding: Embedding[Any], prompts: PromptBatch[Any]) -> tuple[Tensor, Tensor]:
        """Prompts to mask logits (N S/4 S/4) and estimates of each mask's IoU (N)."""
        self._pin()
        logits, quality = self.segmenter.decode(embedding, prompts)
        return logits, quality

    def _pin(self) -> None:
        # OpenMP keeps a number of threads for each thread that calls it: setting it once for the process isn't enough
        # for equal masks to the bit.
        if not getattr(self._threads, "pinned", False):
            pin_threads()
            self._threads.pinned = True


def load(folder: Path) -> PyTorch:
    """Load a student's model folder, on the CPU, and fold it.

    Raises
    ------
    ArtefactError
        As components.promptable.model_folder.load_segmenter.
    """
    segmenter, _ = load_segmenter(folder, kind="student")
    return of_segmenter(fold(segmenter))


def of_segmenter(segmenter: Promptable) -> PyTorch:
    """A segmenter that is loaded already, folded or as it was trained."""
    return PyTorch(segmenter, Facts(NAME, torch.__version__, f"{segmenter.device.type}, {THREADS} threads"))
