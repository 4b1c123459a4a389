"""MedSAM (ViT-B): images and boxes to masks, as its authors prepare them (bowang-lab/MedSAM, Apache-2.0).

The image is stretched to 1024 pixels square (bicubic) and scaled by its own smallest and largest value to 0 to 1;
boxes, as first and last pixel, are stretched alike. It was trained with boxes only: clicks are left out of a prompt,
and a prompt without a box has no answer. Ma et al., Segment anything in medical images, Nature Communications 15 (2024)
654. Network: networks/vit.py with networks/sam1.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image as PilImage
from torch import Tensor

from components.evaluation.peers.networks.sam1 import Sam1, inclusive_box, load_sam1, scaled_planes
from components.evaluation.peers.networks.vit import VIT_B, VisionTransformer
from components.preprocess import to_input_xy, to_native
from components.types import Image, Prediction, Prompt

NAMES = ("medsam_vit_b",)
NEEDS_BOX = True


def load(name: str, state: Mapping[str, Tensor]) -> Sam1:  # noqa: ARG001 - there is one size
    """Build MedSAM with its weights.

    Raises
    ------
    RuntimeError
        If the weights aren't those of a SAM with ViT-B.
    """
    return load_sam1(VisionTransformer(VIT_B), state, input_px=VIT_B.input_px)


def to_input(image: Image, input_px: int) -> Tensor:
    """Turn an image (H W 3) into the input (1 3 S S)."""
    resized = PilImage.fromarray(image).resize((input_px, input_px), PilImage.Resampling.BICUBIC)
    return scaled_planes(resized)


@torch.inference_mode()
def embed(segmenter: Sam1, image: Image) -> Tensor:
    """Embed one image (H W 3) to 1 256 64 64."""
    return segmenter.encode(to_input(image, segmenter.input_px).to(segmenter.device))


@torch.inference_mode()
def segment_embedded(
    segmenter: Sam1, embedding: Tensor, size_hw: tuple[int, int], prompts: Sequence[Prompt]
) -> list[Prediction]:
    """Segment the objects in the prompts' boxes, in the image's own pixels (`size_hw`)."""
    predictions = []
    for prompt in prompts:
        assert prompt.box_xyxy is not None, "prompts without a box aren't given to what needs one"
        corners = np.array(inclusive_box(prompt.box_xyxy), dtype=np.float64).reshape(2, 2)
        box = to_input_xy(corners, size_hw=size_hw, size_px=segmenter.input_px).reshape(4)
        logits, quality = segmenter.decode(embedding, torch.from_numpy(box.astype(np.float32)))
        mask = (to_native(logits[None], size_hw)[0] > 0).cpu().numpy()
        predictions.append(Prediction(mask=mask, quality=float(quality.clamp(0, 1))))
    return predictions
