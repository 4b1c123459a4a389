"""`fold`: a `Segmenter` to a `FoldedSegmenter`, which gives the same embeddings, logits and qualities.

Everything is computed in float64 and put into the segmenter's own precision. The segmenter stays as it was.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from components.promptable.folding.hiera import FoldedHiera
from components.promptable.folding.neck import FoldedNeck
from components.promptable.segmenter import Embedding, PromptBatch, Segmenter
from components.promptable.trunks.features import Trunk
from components.promptable.trunks.hiera import AdaptedHiera
from components.promptable.trunks.rep import AdaptedRep, fold_trunk


class FoldedSegmenter(nn.Module):
    """A segmenter that is only for inference, on images of one size; `predict.Promptable`."""

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__()
        self.image_size_px = segmenter.image_size_px
        self.trunk = folded_trunk(segmenter.trunk, segmenter.image_size_px)
        self.neck = FoldedNeck(segmenter)
        self.decoder = copy.deepcopy(segmenter)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.neck.parameters()).device

    def encode(self, images: Tensor) -> Embedding:
        """Turn images (B 3 S S, of components.preprocess.to_input) into embeddings."""
        return cast(Embedding, self.neck(self.trunk(images)))

    def decode(self, embedding: Embedding, prompts: PromptBatch) -> tuple[Tensor, Tensor]:
        """Turn prompts into mask logits (N S/4 S/4) and the model's estimate of each mask's IoU (N, 0 to 1)."""
        return self.decoder.decode(embedding, prompts)

    def decode_each(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, previous: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Decode N prompts (as in `PromptBatch`) on N embeddings, one for each; as `decode`."""
        return self.decoder.decode_each(embedding, coords, labels, previous)


def fold(segmenter: Segmenter) -> FoldedSegmenter:
    """Fold a segmenter, in evaluation mode; see the module's docstring."""
    folded = FoldedSegmenter(segmenter).eval()
    for parameter in folded.parameters():
        parameter.requires_grad_(False)
    return folded


def folded_trunk(trunk: Trunk, image_size_px: int) -> nn.Module:
    """A trunk for inference: images (B 3 S S) to four stages' features, B D H W, adapters' included."""
    if isinstance(trunk, AdaptedRep):
        return fold_trunk(trunk)
    assert isinstance(trunk, AdaptedHiera), "every kind of trunk has its folding here"
    return FoldedHiera(trunk, image_size_px)
