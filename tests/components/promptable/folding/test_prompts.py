"""A prompt's tokens are SAM2's, in another order, and what it says of the cells is SAM2's dense embedding."""

from __future__ import annotations

import pytest
import torch
from einops import rearrange

from components.promptable.adapter import AdapterConfig
from components.promptable.folding.prompts import FoldedPrompts
from tests.components.promptable.conftest import TINY
from tests.components.promptable.folding.conftest import apart, moved, prompts


@torch.inference_mode()
@pytest.mark.parametrize("row", range(5))
def test_tokens_and_cells_are_sam2s(row: int) -> None:
    segmenter = moved(TINY, AdapterConfig(), seed=2)
    asked = prompts(64, seed=row)
    coords, labels, previous = asked.coords[row, None], asked.labels[row, None], asked.previous
    assert previous is not None
    tokens, cells = FoldedPrompts(segmenter)(coords, labels, previous[row, None])
    sparse, dense = segmenter.prompt_encoder(points=(coords, labels), boxes=None, masks=None)
    decoder = segmenter.mask_decoder
    always = torch.cat([decoder.obj_score_token.weight, decoder.iou_token.weight, decoder.mask_tokens.weight])
    assert apart(tokens, torch.cat([always, sparse[0, -1:], sparse[0, :-1]])) < 1e-12
    dense = segmenter._with_previous(dense, previous[row, None])
    assert apart(cells, rearrange(dense, "1 c h w -> (h w) c")) < 1e-12
