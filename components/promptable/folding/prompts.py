"""One prompt to the decoder's tokens and to what it says of each cell: SAM2's prompt encoder with its tables looked up.

A point's label picks a row of one table. The tokens that every prompt has come first: self-attention doesn't ask for an
order. Leaves out: how a prompt is drawn (components/promptable/guess.py), and the decoder.
"""

from __future__ import annotations

import copy
import math

import torch
from einops import rearrange
from torch import Tensor, nn

from components.promptable.folding.linear import affine, constant
from components.promptable.guess import draw_guess
from components.promptable.segmenter import MASK_LOGIT, Segmenter


class FoldedPrompts(nn.Module):
    """A prompt (1 P 2, 1 P, 1 S/4 S/4) to tokens (T D) and to what is added to the cells (S/16 S/16 flat, N D)."""

    frequencies: Tensor

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__()
        encoder, decoder = segmenter.prompt_encoder, segmenter.mask_decoder
        like = encoder.not_a_point_embed.weight
        self.image_size_px = segmenter.image_size_px
        self.draws_prompts = segmenter.draws_prompts
        scored = [decoder.obj_score_token.weight] if decoder.pred_obj_scores else []
        # SAM2 pads each prompt that comes without a box of its own kind, and ours never do: one token more for all.
        always = [*scored, decoder.iou_token.weight, decoder.mask_tokens.weight, like]
        self.always = constant(torch.cat(always), like)
        self.quality_row = len(scored)
        points = [embedding.weight for embedding in encoder.point_embeddings]
        self.kinds = constant(torch.cat([like, *points]), like)  # of labels -1 to 3
        self.register_buffer("frequencies", 2 * math.pi * encoder.pe_layer.positional_encoding_gaussian_matrix)
        *narrow, last = copy.deepcopy(encoder.mask_downscaling)
        self.narrow = nn.Sequential(*narrow)
        mask, none = affine(last), encoder.no_mask_embed.weight.detach().double().flatten()
        if self.draws_prompts:
            self.widen = mask.linear(like)
        else:
            # One more channel says that there is a mask: with it comes the mask's bias, without it that of no mask.
            weight = torch.cat([mask.weight, (mask.bias - none)[:, None]], dim=1)
            self.widen = type(mask)(weight, none).linear(like)

    def forward(self, coords: Tensor, labels: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        return torch.cat([self.always, self._points(coords[0], labels[0])]), self._cells(coords, labels, previous)

    def _points(self, coords: Tensor, labels: Tensor) -> Tensor:
        """P 2 and P to P D."""
        # From pixel indices to -1..1 across the image.
        xy = coords.to(self.frequencies.dtype) * (2 / self.image_size_px) + (1 / self.image_size_px - 1)
        phase = xy @ self.frequencies
        where = torch.cat([phase.sin(), phase.cos()], dim=-1)
        return where * (labels >= 0)[:, None].to(where.dtype) + self.kinds[labels + 1]

    def _cells(self, coords: Tensor, labels: Tensor, previous: Tensor) -> Tensor:
        """N D."""
        if self.draws_prompts:
            drawn = draw_guess(coords, labels, image_size_px=self.image_size_px, previous=previous)
            features = rearrange(self.narrow(drawn.to(previous.dtype)), "1 c h w -> (h w) c")
        else:
            given = (previous[0, :1, :1] >= 0).to(previous.dtype)  # 1 1
            mask = rearrange(self.narrow(MASK_LOGIT * (2 * previous[:, None] - 1)), "1 c h w -> (h w) c")
            features = torch.cat([mask * given, given.expand(len(mask), 1)], dim=1)
        widened: Tensor = self.widen(features)
        return widened
