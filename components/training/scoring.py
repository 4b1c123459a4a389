"""A network's Dice on fixed validation batches: what chooses the weights, at the input's size.

Leaves out: everything that is reported (components/evaluation, at native resolution, on `test`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from components.promptable.segmenter import Segmenter
from components.training.data import Batch


@torch.inference_mode()
def validation_scores(segmenter: Segmenter, batches: Sequence[Batch]) -> dict[str, float]:
    """Mean `dice` and `iou` over all objects of the batches, masks thresholded at logit 0."""
    dices: list[torch.Tensor] = []
    ious: list[torch.Tensor] = []
    for batch in batches:
        moved = batch.to(segmenter.device)
        logits, _ = segmenter.decode(segmenter.encode(moved.images), moved.prompts)
        size = moved.truth.shape[-2:]
        full = F.interpolate(logits[:, None].float(), size=size, mode="bilinear", align_corners=False)[:, 0]
        predicted, truth = (full > 0).flatten(1), (moved.truth > 0).flatten(1)
        overlap = (predicted & truth).sum(dim=1).float()
        total = predicted.sum(dim=1) + truth.sum(dim=1)
        dices.append(2 * overlap / total.clamp(min=1))
        ious.append(overlap / (total - overlap).clamp(min=1))
    return {"dice": float(torch.cat(dices).mean()), "iou": float(torch.cat(ious).mean())}
