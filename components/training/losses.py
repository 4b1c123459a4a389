"""Mask logits and truth to losses, each for N objects and averaged over them.

Differs from paper: the released code takes one Dice over the whole batch and raises the batch's mean cross entropy
to a power, so neither weighs objects alike; here Dice is per object and focal loss per pixel, as its authors define.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from components.params import DistilTerms, MaskLossParams, UnetLossParams
from components.promptable.segmenter import Segmenter
from components.promptable.trunks.features import StageFeature

DICE_SMOOTH_PX = 1.0


@dataclass(frozen=True, slots=True)
class Losses:
    """The weighted losses of a batch by name: means over its objects, and means over its images."""

    of_objects: dict[str, Tensor]
    of_images: dict[str, Tensor] = field(default_factory=dict)

    def weighed(self, *, of_images: float, of_objects: float) -> dict[str, Tensor]:
        """Each times the share that these images and objects have of those of all ranks: summed over the ranks, these
        are the means over all."""
        weighed = {name: of_images * value for name, value in self.of_images.items()}
        return weighed | {name: of_objects * value for name, value in self.of_objects.items()}


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Soft Dice loss of N objects: logits and truth (0 or 1) are N H W; one pixel smooths the quotient."""
    prob = logits.sigmoid().flatten(1)  # N HW
    target = truth.flatten(1)
    overlap = (prob * target).sum(dim=1)
    return (1 - (2 * overlap + DICE_SMOOTH_PX) / (prob.sum(dim=1) + target.sum(dim=1) + DICE_SMOOTH_PX)).mean()


def focal_loss(logits: Tensor, truth: Tensor, *, gamma: float, alpha: float) -> Tensor:
    """Focal loss per pixel (Lin et al. 2017, eq. 5), N H W; `alpha` weighs the foreground, 1 - alpha the rest."""
    cross_entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    missed = 1 - torch.exp(-cross_entropy)
    weight = torch.where(truth > 0, alpha, 1 - alpha)
    return (weight * missed**gamma * cross_entropy).mean()


def quality_loss(quality: Tensor, logits: Tensor, truth: Tensor) -> Tensor:
    """Squared error of the predicted IoU (N) against the mask's own IoU, which gets no gradient."""
    with torch.no_grad():
        predicted, target = (logits > 0).flatten(1), (truth > 0).flatten(1)
        union = (predicted | target).sum(dim=1).clamp(min=1)
        iou = (predicted & target).sum(dim=1) / union
    return F.mse_loss(quality.float(), iou)


def mask_loss(logits: Tensor, quality: Tensor, truth: Tensor, params: MaskLossParams) -> dict[str, Tensor]:
    """The weighted losses of N masks by name; their sum is what training minimises.

    Parameters
    ----------
    logits
        N h w, brought to the truth's size by bilinear interpolation.
    quality
        N, predicted IoU.
    truth
        N H W, 0 or 1.
    """
    full = _at_size_of(truth, logits)
    return {
        "dice": params.dice * dice_loss(full, truth),
        "focal": params.focal * focal_loss(full, truth, gamma=params.focal_gamma, alpha=params.focal_alpha),
        "quality": params.quality * quality_loss(quality, full, truth),
    }


def logits_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the student's mask probabilities from the teacher's (Hinton et al. 2015), mean
    over the pixels of N masks: logits N h w of both, the teacher's brought to the student's size."""
    target = teacher.float() if teacher.shape == student.shape else _at_size_of(student, teacher)
    prob = target.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(target, prob)
    return F.binary_cross_entropy_with_logits(student.float(), prob) - entropy


def unet_loss(logits: Tensor, truth: Tensor, params: UnetLossParams) -> dict[str, Tensor]:
    """Weighted binary cross entropy and soft Dice of N masks by name: logits N h w, truth N H W (0 or 1)."""
    full = _at_size_of(truth, logits)
    return {
        "bce": params.bce * F.binary_cross_entropy_with_logits(full, truth),
        "dice": params.dice * dice_loss(full, truth),
    }


def _at_size_of(truth: Tensor, logits: Tensor) -> Tensor:
    """Logits (N h w) brought to the truth's size by bilinear interpolation, N H W."""
    size_hw = truth.shape[-2:]
    return F.interpolate(logits[:, None].float(), size=size_hw, mode="bilinear", align_corners=False)[:, 0]


def neck_features(segmenter: Segmenter, stages: Sequence[StageFeature]) -> dict[str, list[Tensor]]:
    """What distillation compares: 256 channels after the neck, of block feature, adapter feature and their sum.

    Each is a list by level, strides 4, 8, 16, 32; `adapter` is missing where there are no adapters.
    """
    features = {
        "block": segmenter.neck([stage.block for stage in stages]),
        "sum": segmenter.neck([stage.total for stage in stages]),
    }
    adapters = [stage.adapter for stage in stages if stage.adapter is not None]
    if len(adapters) == len(stages):
        features["adapter"] = segmenter.neck(adapters)
    return features


def distillation_loss(
    student: dict[str, list[Tensor]],
    teacher: dict[str, list[Tensor]],
    *,
    levels: Sequence[int],
    terms: DistilTerms,
) -> dict[str, Tensor]:
    """Mean squared errors of the student's features against the teacher's, by term and stride (paper, DSKD).

    `levels` are strides among 4, 8, 16. Each term is averaged over the levels, so that its weight means the same
    whatever their number.
    """
    weights = {"block": terms.block, "adapter": terms.adapter, "sum": terms.sum}
    losses: dict[str, Tensor] = {}
    for term, weight in weights.items():
        if weight == 0:
            continue
        for stride in levels:
            index = {4: 0, 8: 1, 16: 2}[stride]
            error = F.mse_loss(student[term][index].float(), teacher[term][index].float())
            losses[f"{term}_s{stride}"] = weight * error / len(levels)
    return losses
