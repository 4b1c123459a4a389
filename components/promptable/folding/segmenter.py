"""`fold`: a `Segmenter` to a `FoldedSegmenter`, which gives the same embeddings, logits and qualities.

Everything is computed in float64 and put into the segmenter's own precision. The segmenter stays as it was.
"""

from __future__ import annotations

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
    """A segmenter that is only for inference, on images of one size; a `Promptable` (embedding.py)."""

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
        each = embedding
        if len(embedding.s16) > 1:
            each = Embedding(*(level[prompts.image_index] for level in _levels(embedding)))
        return self.decode_each(each, prompts.coords, prompts.labels, prompts.previous)

    def decode_each(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, previous: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Decode N prompts (as in `PromptBatch`) on N embeddings, one for each, or all on one; as `decode`."""
        if previous is None:
            cells = self.image_size_px // LEVEL_STRIDES[0]
            previous = embedding.s16.new_full((len(labels), cells, cells), NO_PREVIOUS)
        if len(labels) == 1:  # as it is exported
            return cast(tuple[Tensor, Tensor], self.decoder(embedding, coords, labels, previous))
        # The decoder is written for one prompt, in as few steps as that takes; several are batches of each step.
        shared = len(embedding.s16) == 1
        s4, s8, s16 = (level[0] if shared else level for level in _levels(embedding))
        axis = None if shared else 0
        all_at_once = torch.func.vmap(self._decoded, in_dims=(axis, axis, axis, 0, 0, 0))
        logits, quality = all_at_once(s4, s8, s16, coords, labels, previous)
        return logits, quality

    def _decoded(
        self, s4: Tensor, s8: Tensor, s16: Tensor, coords: Tensor, labels: Tensor, previous: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One prompt on one image, all without their first axis, which a batch has."""
        maps = Embedding(s4[None], s8[None], s16[None])
        logits, quality = self.decoder(maps, coords[None], labels[None], previous[None])
        return logits[0], quality[0]


def _levels(embedding: Embedding) -> tuple[Tensor, Tensor, Tensor]:
    return embedding.s4, embedding.s8, embedding.s16


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
