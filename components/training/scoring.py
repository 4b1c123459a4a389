"""A network's Dice on fixed validation batches: what chooses the weights, at the input's size.

Leaves out: everything that is reported (components/evaluation, at native resolution, on `test`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from components.promptable.segmenter import Segmenter
from components.training.data import Batch
from components.training.ranks import current_ranks


def validation_scores(segmenter: Segmenter, batches: Sequence[Batch]) -> dict[str, float]:
    """A segmenter's `mask_scores`."""

    def logits_of(batch: Batch) -> Tensor:
        return segmenter.decode(segmenter.encode(batch.images), batch.prompts)[0]

    return mask_scores(logits_of, batches, device=segmenter.device)


@torch.inference_mode()
def mask_scores(
    logits_of: Callable[[Batch], Tensor], batches: Sequence[Batch], *, device: torch.device
) -> dict[str, float]:
    """Mean `dice` and `iou` over all objects of the batches, masks (`logits_of` gives N h w) thresholded at logit 0.

    Each rank scores the batches that are its share; the means are those over all ranks' objects, the same on each.
    """
    dices: list[Tensor] = []
    ious: list[Tensor] = []
    for batch in batches:
        moved = batch.to(device)
        logits = logits_of(moved)
        size = moved.truth.shape[-2:]
        full = F.interpolate(logits[:, None].float(), size=size, mode="bilinear", align_corners=False)[:, 0]
        predicted, truth = (full > 0).flatten(1), (moved.truth > 0).flatten(1)
        overlap = (predicted & truth).sum(dim=1).float()
        total = predicted.sum(dim=1) + truth.sum(dim=1)
        dices.append(2 * overlap / total.clamp(min=1))
        ious.append(overlap / (total - overlap).clamp(min=1))
    return {"dice": float(_of_all_ranks(dices).mean()), "iou": float(_of_all_ranks(ious).mean())}


def _of_all_ranks(scores: list[Tensor]) -> Tensor:
    """Scores of this rank's batches to those of all batches, in the order that one process would have them in."""
    ranks = current_ranks()
    if ranks.size == 1:
        return torch.cat(scores)
    by_rank = ranks.gathered([score.cpu() for score in scores])
    longest = max(map(len, by_rank))
    return torch.cat([own[number] for number in range(longest) for own in by_rank if number < len(own)])
