"""SAM2's prompt encoder and mask decoder in other sizes: a decoder's sizes to the two networks.

A click costs a small student's decoder more than its encoder costs an image (docs/speed.md), so that the decoder's
width is a choice, too. What it is made of stays SAM2's, from the `sam2` package. Leaves out: its training
(components/training/distil.py) and folding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sam2.modeling.sam.mask_decoder import MaskDecoder
from sam2.modeling.sam.prompt_encoder import PromptEncoder
from sam2.modeling.sam.transformer import TwoWayTransformer
from torch import nn

MASK_INPUT_CHANNELS = 16


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """Sizes of a mask decoder and of its prompt encoder; as they stand, SAM2.1's.

    `width` is the channels of tokens and cells (an eighth and a quarter of it at strides 4 and 8), of which attention
    between both takes half; `heads`, `mlp` (hidden units) and `layers` are those of the two-way transformer.
    """

    width: int = 256
    heads: int = 8
    mlp: int = 2048
    layers: int = 2


SAM2_DECODER = DecoderConfig()


def resize_decoder(sam2: Any, config: DecoderConfig) -> None:
    """Give a `SAM2Base` a prompt encoder and a mask decoder of these sizes, with random weights, in place.

    SAM2's own sizes leave it as it is, weights included. `sam2.to_cells` brings the neck's channels at stride 16 to the
    decoder's width, as the decoder's own convolutions do at strides 4 and 8.
    """
    sam2.to_cells = nn.Identity()
    if config == SAM2_DECODER:
        return
    cells, neck_width = sam2.sam_image_embedding_size, sam2.hidden_dim
    if config.width != neck_width:
        sam2.to_cells = nn.Conv2d(neck_width, config.width, kernel_size=1)
    sam2.sam_prompt_encoder = PromptEncoder(
        embed_dim=config.width,
        image_embedding_size=(cells, cells),
        input_image_size=(sam2.image_size, sam2.image_size),
        mask_in_chans=MASK_INPUT_CHANNELS,
    )
    decoder = MaskDecoder(
        transformer_dim=config.width,
        transformer=TwoWayTransformer(
            depth=config.layers, embedding_dim=config.width, num_heads=config.heads, mlp_dim=config.mlp
        ),
        iou_head_hidden_dim=config.width,
        use_high_res_features=True,
        iou_prediction_use_sigmoid=sam2.iou_prediction_use_sigmoid,
        pred_obj_scores=sam2.pred_obj_scores,
        pred_obj_scores_mlp=sam2.pred_obj_scores_mlp,
        use_multimask_token_for_obj_ptr=sam2.use_multimask_token_for_obj_ptr,
    )
    decoder.conv_s0 = nn.Conv2d(neck_width, config.width // 8, kernel_size=1)
    decoder.conv_s1 = nn.Conv2d(neck_width, config.width // 4, kernel_size=1)
    sam2.sam_mask_decoder = decoder
