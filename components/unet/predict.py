"""An image and prompts with boxes to masks in the image's own pixels, as the box-fed U-Net gives them.

The two calls of a predictor: `embed` prepares the image, `segment_embedded` answers each box by itself, so that a mask
doesn't depend on what else was asked. Leaves out: clicks, which a prompt may carry beside its box and which aren't
looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from components.errors import PromptError
from components.preprocess import to_input, to_native
from components.promptable.predict import check_prompts, to_batch
from components.types import Image, Prediction, Prompt
from components.unet.network import BoxUnet


@torch.inference_mode()
def embed(segmenter: BoxUnet, image: Image) -> Tensor:
    """Prepare one image (H W 3 uint8) as the network's input, 1 3 S S; box and image meet in the first layer."""
    return to_input(image, segmenter.image_size_px)[None].to(segmenter.device)


@torch.inference_mode()
def segment_embedded(
    segmenter: BoxUnet, embedding: Tensor, size_hw: tuple[int, int], prompts: Sequence[Prompt]
) -> list[Prediction]:
    """Segment a prepared image of native size `size_hw`, one prediction for each prompt, in order.

    `quality` is the IoU that the mask would have if each pixel were object with the probability that the network gives
    it: the network has no estimate of its own.

    Raises
    ------
    PromptError
        If a prompt has no box, or as `components.promptable.predict.check_prompts`.
    """
    check_prompts(prompts, size_hw)
    return [_segmented(segmenter, embedding, size_hw, _boxed(place, prompt)) for place, prompt in enumerate(prompts)]


def _boxed(place: int, prompt: Prompt) -> Prompt:
    if prompt.box_xyxy is None:
        raise PromptError(
            f"object {place}: no box", expected="a box", remedy="draw a box; the U-Net takes nothing else"
        )
    return Prompt(box_xyxy=prompt.box_xyxy)


def _segmented(segmenter: BoxUnet, embedding: Tensor, size_hw: tuple[int, int], prompt: Prompt) -> Prediction:
    batch = to_batch([prompt], size_hw=size_hw, size_px=segmenter.image_size_px, device=segmenter.device)
    logits = to_native(segmenter(embedding, batch).float(), size_hw)[0]  # H W
    mask, prob = logits > 0, logits.sigmoid()
    common = prob[mask].sum()
    quality = common / (mask.sum() + prob.sum() - common).clamp(min=1e-6)
    return Prediction(mask=mask.cpu().numpy(), quality=float(quality.clamp(0, 1)))
