"""Boxes on an image to masks of its own size; prompts without a box are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from components.errors import PromptError
from components.evaluation.prompting.corrective import Predictor
from components.promptable.segmenter import PromptBatch
from components.types import Point, Prompt
from components.unet import predict
from components.unet.network import BoxUnet, draw_boxes

IMAGE = np.random.default_rng(3).integers(0, 256, (48, 80, 3)).astype(np.uint8)


class BoxAnswer(BoxUnet):
    """Answers with the box itself, as sure as it is told to be."""

    def __init__(self, logit: float) -> None:
        super().__init__((4, 4), image_size_px=32)
        self.logit = logit

    def forward(self, images: Tensor, prompts: PromptBatch) -> Tensor:  # noqa: ARG002 - it looks at the box alone
        """The box at half the size, `logit` within it and minus `logit` outside."""
        boxes = draw_boxes(prompts, size_px=self.image_size_px)[:, 0, ::2, ::2]
        return self.logit * (2 * boxes - 1)


def test_the_mask_lies_where_the_box_is_in_the_images_own_pixels() -> None:
    network = BoxAnswer(8.0)
    prompts = [Prompt(box_xyxy=(20.0, 12.0, 60.0, 36.0)), Prompt(box_xyxy=(0.0, 0.0, 40.0, 24.0))]
    found = predict.segment_embedded(network, predict.embed(network, IMAGE), (48, 80), prompts)
    for prediction, prompt in zip(found, prompts, strict=True):
        x0, y0, x1, y1 = (int(edge) for edge in prompt.box_xyxy or ())
        truth = np.zeros((48, 80), dtype=bool)
        truth[y0:y1, x0:x1] = True
        assert prediction.mask.shape == (48, 80) and prediction.mask.dtype == bool
        assert (prediction.mask & truth).sum() / (prediction.mask | truth).sum() > 0.9


def test_a_surer_network_says_that_its_mask_is_better() -> None:
    prompt = [Prompt(box_xyxy=(20.0, 12.0, 60.0, 36.0))]
    unsure, sure = (
        predict.segment_embedded(network, predict.embed(network, IMAGE), (48, 80), prompt)[0].quality
        for network in (BoxAnswer(0.5), BoxAnswer(20.0))
    )
    assert 0 < unsure < 0.5 < 0.9 < sure <= 1


def test_clicks_beside_a_box_change_nothing_and_alone_are_refused() -> None:
    torch.manual_seed(2)
    network = BoxUnet((8, 8), image_size_px=32).eval()
    box, click = (20.0, 12.0, 60.0, 36.0), Point(30.0, 20.0)
    embedding = predict.embed(network, IMAGE)
    plain, clicked = predict.segment_embedded(
        network, embedding, (48, 80), [Prompt(box_xyxy=box), Prompt(box_xyxy=box, points=(click,))]
    )
    assert np.array_equal(plain.mask, clicked.mask) and plain.quality == clicked.quality
    with pytest.raises(PromptError, match="no box"):
        predict.segment_embedded(network, embedding, (48, 80), [Prompt(points=(click,))])
    with pytest.raises(PromptError, match="the box"):
        predict.segment_embedded(network, embedding, (48, 80), [Prompt(box_xyxy=(0.0, 0.0, 90.0, 10.0))])


def test_it_is_a_predictor() -> None:
    assert all(callable(getattr(predict, name)) for name in vars(Predictor) if not name.startswith("_"))
