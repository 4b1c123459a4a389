"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from components.params import DistilTerms, MaskLossParams, UnetLossParams
from components.training.losses import (
    dice_loss,
    distillation_loss,
    focal_loss,
    logits_loss,
    mask_loss,
    quality_loss,
    unet_loss,
)

SURE = 50.0


def test_dice_of_half_an_object() -> None:
    truth = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    logits = torch.tensor([[[SURE, -SURE, -SURE, -SURE]]])
    # 1 - (2 * 1 + 1) / (1 + 2 + 1)
    assert float(dice_loss(logits, truth)) == pytest.approx(0.25)


def test_dice_weighs_objects_alike_whatever_their_size() -> None:
    truth = torch.zeros(2, 10, 10)
    truth[0, :, :] = 1
    truth[1, 0, 0] = 1
    logits = torch.full((2, 10, 10), -SURE)
    logits[0] = SURE
    # The first is perfect, the second wholly missed: 1 - 1 / (0 + 1 + 1).
    assert float(dice_loss(logits, truth)) == pytest.approx((0 + 0.5) / 2)


def test_focal_of_one_pixel() -> None:
    truth, logits = torch.tensor([[[1.0]]]), torch.tensor([[[0.0]]])
    expected = 0.8 * 0.5**2 * math.log(2)
    assert float(focal_loss(logits, truth, gamma=2.0, alpha=0.8)) == pytest.approx(expected)
    expected = 0.2 * 0.5**2 * math.log(2)
    assert float(focal_loss(logits, 1 - truth, gamma=2.0, alpha=0.8)) == pytest.approx(expected)


def test_focal_is_per_pixel_not_of_the_batchs_mean() -> None:
    truth = torch.tensor([[[1.0, 1.0]]])
    logits = torch.tensor([[[SURE, 0.0]]])
    # One pixel is certain and costs nothing, the other as above; the mean halves it.
    assert float(focal_loss(logits, truth, gamma=2.0, alpha=0.8)) == pytest.approx(0.5 * 0.8 * 0.25 * math.log(2))


def test_quality_is_the_masks_own_iou_and_moves_the_quality_alone() -> None:
    truth = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    logits = torch.tensor([[[SURE, -SURE, SURE, -SURE]]], requires_grad=True)  # IoU 1 / 3
    quality = torch.tensor([1.0], requires_grad=True)
    loss = quality_loss(quality, logits, truth)
    assert float(loss) == pytest.approx((1 - 1 / 3) ** 2)
    loss.backward()
    assert logits.grad is None
    assert quality.grad is not None


def test_logits_that_say_the_same_cost_nothing() -> None:
    logits = torch.tensor([[[2.0, -1.0, 0.0]]])
    assert float(logits_loss(logits, logits)) == pytest.approx(0, abs=1e-7)


def test_logits_of_one_pixel_apart() -> None:
    student, teacher = torch.tensor([[[0.0]]]), torch.tensor([[[math.log(3)]]])
    # The teacher says 3/4, the student 1/2: 3/4 log(3/4 / 1/2) + 1/4 log(1/4 / 1/2).
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert float(logits_loss(student, teacher)) == pytest.approx(expected)


def test_a_teachers_larger_map_comes_to_the_students_size() -> None:
    student, teacher = torch.zeros(1, 2, 2), torch.zeros(1, 4, 4)
    assert float(logits_loss(student, teacher)) == pytest.approx(0, abs=1e-7)


def test_mask_loss_is_the_weighted_parts_at_the_truths_size() -> None:
    params = MaskLossParams(dice=0.8, focal=0.2, focal_gamma=2.0, focal_alpha=0.8, quality=0.5)
    truth = torch.zeros(1, 8, 8)
    truth[:, :4] = 1
    logits = torch.full((1, 2, 2), -SURE)
    logits[:, 0] = SURE
    losses = mask_loss(logits, torch.tensor([1.0]), truth, params)
    assert set(losses) == {"dice", "focal", "quality"}
    assert float(losses["dice"]) < 0.05
    assert float(losses["quality"]) < 0.05


def test_the_unets_loss_is_cross_entropy_per_pixel_and_dice_at_the_truths_size() -> None:
    truth = torch.ones(1, 4, 4)
    losses = unet_loss(torch.zeros(1, 2, 2), truth, UnetLossParams(bce=2.0, dice=0.5))
    # Half sure of each of 16 pixels: 1 - (2 * 8 + 1) / (8 + 16 + 1).
    assert {name: float(value) for name, value in losses.items()} == pytest.approx(
        {"bce": 2 * math.log(2), "dice": 0.5 * 8 / 25}
    )


def test_distillation_compares_each_term_and_level() -> None:
    teacher = {term: [torch.zeros(1, 2, s, s) for s in (8, 4, 2, 1)] for term in ("block", "adapter", "sum")}
    student = {
        term: [torch.full_like(map_, value) for map_ in maps]
        for value, (term, maps) in zip((1.0, 2.0, 3.0), teacher.items(), strict=True)
    }
    terms = DistilTerms(block=1.0, adapter=0.5, sum=2.0)
    losses = distillation_loss(student, teacher, levels=(4, 8, 16), terms=terms)
    assert len(losses) == 9
    assert float(losses["block_s4"]) == pytest.approx(1.0 / 3)
    assert float(losses["adapter_s8"]) == pytest.approx(0.5 * 4 / 3)
    assert float(losses["sum_s16"]) == pytest.approx(2.0 * 9 / 3)
    only = distillation_loss(student, teacher, levels=(8,), terms=DistilTerms(block=0, adapter=0, sum=1))
    assert {name: float(value) for name, value in only.items()} == {"sum_s8": pytest.approx(9.0)}
