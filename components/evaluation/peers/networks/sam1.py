"""The first SAM around any image encoder: prompt encoder and mask decoder, and a box to a mask's logits.

The two heads are the `sam2` package's, which are SAM's own where its additions are switched off; its feed-forward
layers have other names, which `load_sam1` translates. Kirillov et al., Segment Anything (arXiv 2304.02643). Leaves
out: image encoders (tiny_vit.py, vit.py), and clicks, which neither MedSAM nor LiteMedSAM was trained with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image as PilImage
from sam2.modeling.sam.mask_decoder import MaskDecoder
from sam2.modeling.sam.prompt_encoder import PromptEncoder
from sam2.modeling.sam.transformer import TwoWayTransformer
from torch import Tensor, nn

from components.types import BoxXyxy

EMBEDDING_CHANNELS = 256
EMBEDDING_SIDE = 64
_FEED_FORWARD = re.compile(r"^(mask_decoder\.transformer\.layers\.\d+\.mlp)\.lin([12])\.")


class Sam1(nn.Module):
    """SAM for square inputs of `input_px`, whose image encoder gives 256 channels at 64 by 64."""

    def __init__(self, image_encoder: nn.Module, *, input_px: int) -> None:
        super().__init__()
        self.input_px = input_px
        self.image_encoder = image_encoder
        self.prompt_encoder = PromptEncoder(
            embed_dim=EMBEDDING_CHANNELS,
            image_embedding_size=(EMBEDDING_SIDE, EMBEDDING_SIDE),
            input_image_size=(input_px, input_px),
            mask_in_chans=16,
        )
        self.mask_decoder = MaskDecoder(
            transformer_dim=EMBEDDING_CHANNELS,
            transformer=TwoWayTransformer(depth=2, embedding_dim=EMBEDDING_CHANNELS, num_heads=8, mlp_dim=2048),
            num_multimask_outputs=3,
        )

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    def encode(self, image: Tensor) -> Tensor:
        """Turn an input (1 3 S S) into an embedding (1 256 64 64)."""
        embedding: Tensor = self.image_encoder(image)
        return embedding

    def decode(self, embedding: Tensor, box_xyxy: Tensor) -> tuple[Tensor, Tensor]:
        """Turn a box (4, pixels of the input) into logits (256 256) and the estimate of the mask's IoU (scalar)."""
        sparse, dense = self.prompt_encoder(points=None, boxes=box_xyxy[None].to(self.device), masks=None)
        logits, quality, _, _ = self.mask_decoder(
            image_embeddings=embedding,
            image_pe=self.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
            repeat_image=False,
        )
        return logits[0, 0], quality[0, 0]


def load_sam1(image_encoder: nn.Module, state: Mapping[str, Tensor], *, input_px: int) -> Sam1:
    """Build SAM with published weights, in evaluation mode.

    Raises
    ------
    RuntimeError
        If the weights lack a parameter, hold another, or one has another shape.
    """
    sam = Sam1(image_encoder, input_px=input_px)
    sam.load_state_dict({_translated(name): tensor for name, tensor in state.items()}, strict=True)
    return sam.eval()


def scaled_planes(resized: PilImage.Image) -> Tensor:
    """An RGB image, scaled by its own smallest and largest value to 0 to 1, as planes (1 3 H W)."""
    pixels = np.asarray(resized, dtype=np.float32)
    low, high = float(pixels.min()), float(pixels.max())
    pixels = (pixels - low) / max(high - low, 1e-8)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def inclusive_box(box: BoxXyxy) -> BoxXyxy:
    """A half-open box as the first and last pixel's indices, which is how MedSAM's authors take boxes from masks."""
    x0, y0, x1, y1 = box
    return x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)


def _translated(name: str) -> str:
    return _FEED_FORWARD.sub(lambda found: f"{found[1]}.layers.{int(found[2]) - 1}.", name)
