"""LiteMedSAM: images and boxes to masks, as its authors prepare them (bowang-lab/MedSAM, LiteMedSAM; Apache-2.0).

The longest side is brought to 256 pixels, the image scaled by its own smallest and largest value to 0 to 1 and padded
with zeros on the right and at the bottom; boxes, as first and last pixel, are scaled alike. It was trained with boxes
only: clicks are left out of a prompt, and a prompt without a box has no answer. Network: networks/tiny_vit.py with
networks/sam1.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image as PilImage
from torch import Tensor

from components.evaluation.peers.networks.sam1 import Sam1, inclusive_box, load_sam1, scaled_planes
from components.evaluation.peers.networks.tiny_vit import TinyViT
from components.types import Image, Prediction, Prompt

NAMES = ("litemedsam",)
NEEDS_BOX = True
INPUT_PX = 256


@dataclass(frozen=True, slots=True)
class LiteEmbedding:
    """An embedding (1 256 64 64), the size that the image has within the input, and the scale that brought it there."""

    features: Tensor
    inner_hw: tuple[int, int]
    scale: float


def load(name: str, state: Mapping[str, Tensor]) -> Sam1:  # noqa: ARG001 - there is one size
    """Build LiteMedSAM with its weights.

    Raises
    ------
    RuntimeError
        If the weights aren't LiteMedSAM's.
    """
    return load_sam1(TinyViT(), state, input_px=INPUT_PX)


def to_input(image: Image) -> tuple[Tensor, tuple[int, int], float]:
    """Turn an image (H W 3) into the input (1 3 256 256), the size of the image within it, and the scale."""
    height_px, width_px = image.shape[:2]
    scale = INPUT_PX / max(height_px, width_px)
    inner_hw = (max(1, int(height_px * scale + 0.5)), max(1, int(width_px * scale + 0.5)))
    resized = PilImage.fromarray(image).resize((inner_hw[1], inner_hw[0]), PilImage.Resampling.BILINEAR)
    padding = (0, INPUT_PX - inner_hw[1], 0, INPUT_PX - inner_hw[0])
    return F.pad(scaled_planes(resized), padding), inner_hw, scale


@torch.inference_mode()
def embed(segmenter: Sam1, image: Image) -> LiteEmbedding:
    """Embed one image (H W 3)."""
    planes, inner_hw, scale = to_input(image)
    return LiteEmbedding(segmenter.encode(planes.to(segmenter.device)), inner_hw, scale)


@torch.inference_mode()
def segment_embedded(
    segmenter: Sam1, embedding: LiteEmbedding, size_hw: tuple[int, int], prompts: Sequence[Prompt]
) -> list[Prediction]:
    """Segment the objects in the prompts' boxes, in the image's own pixels (`size_hw`)."""
    predictions = []
    for prompt in prompts:
        assert prompt.box_xyxy is not None, "prompts without a box aren't given to what needs one"
        box = torch.tensor(inclusive_box(prompt.box_xyxy), dtype=torch.float32) * embedding.scale
        logits, quality = segmenter.decode(embedding.features, box)
        inner = logits[: embedding.inner_hw[0], : embedding.inner_hw[1]]
        native = F.interpolate(inner[None, None], size=size_hw, mode="bilinear", align_corners=False)[0, 0]
        predictions.append(Prediction(mask=(native > 0).cpu().numpy(), quality=float(quality.clamp(0, 1))))
    return predictions
