"""`fold`: a `Segmenter` to a `FoldedSegmenter`, which gives the same embeddings, logits and qualities.

Everything is computed in float64 and put into the segmenter's own precision. The segmenter stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from components.promptable.folding.decoder import FoldedDecoder
from components.promptable.folding.hiera import FoldedHiera
from components.promptable.folding.neck import FoldedNeck
from components.promptable.segmenter import LEVEL_STRIDES, NO_PREVIOUS, Embedding, PromptBatch, Segmenter
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
        self.decoder = FoldedDecoder(segmenter)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.neck.parameters()).device

    def encode(self, images: Tensor) -> Embedding:
        """Turn images (B 3 S S, of components.preprocess.to_input) into embeddings."""
        return cast(Embedding, self.neck(self.trunk(images)))

    def decode(self, embedding: Embedding, prompts: PromptBatch) -> tuple[Tensor, Tensor]:
        """Turn prompts into mask logits (N S/4 S/4) and the model's estimate of each mask's IoU (N, 0 to 1)."""
        return self._decoded(embedding, prompts.image_index.tolist(), prompts.coords, prompts.labels, prompts.previous)

    def decode_each(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, previous: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Decode N prompts (as in `PromptBatch`) on N embeddings, one for each; as `decode`."""
        return self._decoded(embedding, range(len(embedding.s16)), coords, labels, previous)

    def _decoded(
        self, embedding: Embedding, images: Sequence[int], coords: Tensor, labels: Tensor, previous: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Each prompt by itself, on the image of its row in `images`."""
        if previous is None:
            cells = self.image_size_px // LEVEL_STRIDES[0]
            previous = embedding.s16.new_full((len(images), cells, cells), NO_PREVIOUS)
        if len(embedding.s16) == len(images) == 1:  # as it is exported: nothing to pick
            return cast(tuple[Tensor, Tensor], self.decoder(embedding, coords, labels, previous))
        each = []
        for row, image in enumerate(images):
            maps = Embedding(*(level[image, None] for level in (embedding.s4, embedding.s8, embedding.s16)))
            each.append(self.decoder(maps, coords[row, None], labels[row, None], previous[row, None]))
        logits, quality = (torch.cat(part) for part in zip(*each, strict=True))
        return logits, quality


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
