"""The baseline's training: it learns what is in the box, from boxes alone, and every run gives the same weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from components.errors import ParamsError
from components.params import TrainPrompts, UnetParams
from components.training.data import training_sets
from components.training.loop import FitResult
from components.training.scoring import mask_scores
from components.training.unet import boxes_only, train_unet
from components.types import Record
from components.unet.network import BoxUnet, build_unet, draw_boxes
from tests.components.training.conftest import AUGMENT, PROMPTS
from tests.components.training.test_loop import optimise


def unet_params(**changes: object) -> UnetParams:
    base = optimise(epochs=2, learning_rate=3e-3, warmup_steps=0, checkpoint_seconds=60.0).model_dump(exclude={"loss"})
    own = {"channels": (8, 8, 16), "loss": {"bce": 1.0, "dice": 1.0}}
    return UnetParams.model_validate({**base, **own, **changes})


def trained(discs: list[Record], folder: Path, params: UnetParams) -> tuple[BoxUnet, FitResult, list[dict[str, float]]]:
    network, curve = build_unet(params.channels, image_size_px=64, seed=params.seed), []
    result = train_unet(
        network,
        discs[:8],
        discs[8:],
        params,
        prompts=PROMPTS,
        augment=AUGMENT,
        checkpoint_folder=folder,
        fingerprint="k",
        report=lambda metrics, epoch: curve.append(metrics),
    )
    return network, result, curve


def test_it_learns_discs_better_than_the_box_itself(discs: list[Record], tmp_path: Path) -> None:
    params = unet_params(epochs=4, batch_size=1, channels=(16, 32))
    network, result, curve = trained(discs, tmp_path, params)
    _, batches = training_sets(discs[:8], discs[8:], params, image_size_px=64, prompts=PROMPTS, augment=AUGMENT)
    box = mask_scores(lambda batch: draw_boxes(batch.prompts, size_px=64)[:, 0] - 0.5, batches, device=network.device)
    assert result.best_dice > box["dice"] > 0.8
    assert curve[-1]["train_loss"] < curve[0]["train_loss"] and {"train_bce", "train_dice"} <= set(curve[0])
    assert not network.training


def test_the_same_training_gives_the_same_weights(discs: list[Record], tmp_path: Path) -> None:
    (first, *_), (second, *_) = (trained(discs, tmp_path / name, unet_params()) for name in ("a", "b"))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(first.parameters(), second.parameters(), strict=True))


def test_clicks_are_left_out_and_boxes_keep_their_proportions() -> None:
    drawn = TrainPrompts(
        box_share=0.1, box_jitter_share=0.6, click_share=0.2, box_click_share=0.1, jitter=0.15, max_objects=4
    )
    boxed = boxes_only(drawn)
    assert TrainPrompts.model_validate(boxed.model_dump()) == boxed, "shares that sum to 1"
    assert (boxed.box_share, boxed.box_jitter_share) == pytest.approx((0.125, 0.875))
    assert (boxed.jitter, boxed.max_objects) == (0.15, 4)
    with pytest.raises(ParamsError, match="clicks alone"):
        boxes_only(
            TrainPrompts(
                box_share=0.0, box_jitter_share=0.0, click_share=1.0, box_click_share=0.0, jitter=0.1, max_objects=1
            )
        )
