"""How near an answer must come to the one on record."""

from __future__ import annotations

import numpy as np
import torch

from components.promptable.predict import segment
from components.promptable.segmenter import Embedding, PromptBatch
from components.promptable.self_check import Held, SelfCheck, check_image
from components.types import Prediction, Prompt

SIDE_PX = 64


class Fixed:
    """A model that answers every prompt with the same square of logits, shifted by some cells, and one quality."""

    image_size_px = SIDE_PX
    device = torch.device("cpu")

    def __init__(self, shift_cells: int = 0, quality: float = 0.8) -> None:
        self.shift_cells, self.quality = shift_cells, quality

    def encode(self, _images: torch.Tensor) -> Embedding:
        empty = torch.zeros(1, 1, 1, 1)
        return Embedding(empty, empty, empty)

    def decode(self, _embedding: Embedding, _prompts: PromptBatch) -> tuple[torch.Tensor, torch.Tensor]:
        logits = torch.full((1, 16, 16), -5.0)
        logits[:, 4:12, 4 + self.shift_cells : 12 + self.shift_cells] = 5.0
        return logits, torch.tensor([self.quality])


def test_masks_and_qualities_may_be_a_little_off_and_no_more() -> None:
    image = np.zeros((SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    mask = np.zeros((SIDE_PX, SIDE_PX), dtype=bool)
    mask[16:48, 16:48] = True
    prompt = Prompt((10.0, 10.0, 50.0, 50.0))
    kept = check_image(image, [prompt], [Prediction(mask, 0.8)])
    check = SelfCheck(schema=1, model_digest="0" * 64, least_iou=0.98, images=(kept,))
    assert check.runtime == "pytorch" and check.hold(Fixed()) == Held(1, 0, ()), "corners are rounded"
    own = check_image(image, [prompt], segment(Fixed(), image, [prompt]))
    assert check.model_copy(update={"images": (own, kept)}).hold(Fixed()) == Held(2, 1, ())
    assert check.hold(Fixed(quality=0.819)).failures == ()
    (off,) = check.hold(Fixed(quality=0.83)).failures
    assert "quality 0.0300 off" in off
    held = check.hold(Fixed(shift_cells=1))
    (moved,) = held.failures
    assert (held.cases, held.equal) == (1, 0)
    assert "image 0, prompt 0: IoU 0.7" in moved
