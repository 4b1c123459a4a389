"""The promptable segmenter that teacher and students are: images to embeddings, embeddings and prompts to masks.

SAM2's image encoder, prompt encoder and mask decoder without its memory, which still images never reach. `encode`
and `decode` are functions of their arguments alone, so that one model serves many threads.

Leaves out: video memory, several masks for one prompt, reading images and prompts (predict.py).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from components.promptable.adapter import AdapterConfig
from components.promptable.decoder import DecoderConfig
from components.promptable.embedding import LEVEL_STRIDES, NO_PREVIOUS, Embedding, PromptBatch
from components.promptable.guess import draw_guess
from components.promptable.trunks.adapt import adapted
from components.promptable.trunks.features import StageFeature, Trunk

__all__ = ["LEVEL_STRIDES", "NO_PREVIOUS", "Embedding", "PromptBatch", "Segmenter"]

MASK_LOGIT = 10.0
"""SAM2 takes a binary mask as logits of this and its negative."""


class Segmenter(nn.Module):
    """A promptable segmenter for square images of `image_size_px`.

    With `draws_prompts` each prompt is also given as SAM2's mask input (guess.py); else only a previous mask is.
    """

    def __init__(self, sam2: Any, *, adapter: AdapterConfig, image_size_px: int, draws_prompts: bool = False) -> None:
        super().__init__()
        self.draws_prompts = draws_prompts
        self.image_size_px = image_size_px
        self.trunk: Trunk = adapted(sam2.image_encoder.trunk, adapter)
        self.neck_convs = sam2.image_encoder.neck.convs
        self.top_down_levels = tuple(sam2.image_encoder.neck.fpn_top_down_levels)
        self.no_memory = nn.Parameter(sam2.no_mem_embed.detach().clone())  # 1 1 256
        self.prompt_encoder = sam2.sam_prompt_encoder
        self.mask_decoder = sam2.sam_mask_decoder
        self.to_cells: nn.Module = sam2.to_cells

    def neck(self, stages: list[Tensor]) -> list[Tensor]:
        """Bring four stages' maps (strides 4 to 32) to 256 channels each, coarser ones added on the way as SAM2 does.

        SAM2's own neck also computes sine encodings, which nothing on still images uses; they're left out.
        """
        levels: list[Tensor] = []
        last = len(stages) - 1
        for level in range(last, -1, -1):
            lateral = self.neck_convs[last - level](stages[level])
            if level in self.top_down_levels and levels:
                lateral = lateral + F.interpolate(levels[-1], scale_factor=2.0, mode="nearest")
            levels.append(lateral)
        return levels[::-1]

    def stages(self, images: Tensor) -> list[StageFeature]:
        """The trunk's features of images (B 3 S S), finest first; what distillation compares."""
        return self.trunk(images)

    def embed_levels(self, levels: list[Tensor]) -> Embedding:
        """Prepare the neck's levels (256 channels, strides 4, 8, 16) for the decoder."""
        return Embedding(
            s4=self.mask_decoder.conv_s0(levels[0]),
            s8=self.mask_decoder.conv_s1(levels[1]),
            s16=self.to_cells(levels[2] + rearrange(self.no_memory, "b n c -> b c n 1")),  # 1 256 1 1
        )

    def encode(self, images: Tensor) -> Embedding:
        """Turn images (B 3 S S, of components.preprocess.to_input) into embeddings."""
        return self.embed_levels(self.neck([stage.total for stage in self.stages(images)]))

    def decode(self, embedding: Embedding, prompts: PromptBatch) -> tuple[Tensor, Tensor]:
        """Turn prompts into mask logits (N S/4 S/4) and the model's estimate of each mask's IoU (N, 0 to 1)."""
        rows = prompts.image_index
        each = Embedding(s4=embedding.s4[rows], s8=embedding.s8[rows], s16=embedding.s16[rows])
        return self.decode_each(each, prompts.coords, prompts.labels, prompts.previous)

    def decode_each(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, previous: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Decode N prompts (as in `PromptBatch`) on N embeddings, one for each; as `decode`."""
        guess = None
        if self.draws_prompts:
            guess = draw_guess(coords, labels, image_size_px=self.image_size_px, previous=previous)
        sparse, dense = self.prompt_encoder(points=(coords, labels), boxes=None, masks=guess)
        if previous is not None and not self.draws_prompts:
            dense = self._with_previous(dense, previous)
        logits, quality, _, _ = self.mask_decoder(
            image_embeddings=embedding.s16,
            image_pe=self.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
            repeat_image=False,
            high_res_features=[embedding.s4, embedding.s8],
        )
        return logits[:, 0], quality[:, 0]

    def _with_previous(self, dense: Tensor, previous: Tensor) -> Tensor:
        """Put embedded previous masks in place of "no mask" (N D S/16 S/16), for those prompts that have one.

        SAM2 takes a binary mask as logits of 10 and -10 (its sam2_base, `_use_mask_as_output`), averaged over cells.
        """
        embedded = self.prompt_encoder.mask_downscaling(MASK_LOGIT * (2 * previous[:, None] - 1))
        return torch.where(previous[:, :1, :1, None] >= 0, embedded, dense)

    def set_trainable(self, *, trunk: bool) -> None:
        """Declare what trains: adapters, neck and mask decoder; with `trunk` everything (`scratch`).

        The paper freezes the trunk; SAM2's prompt encoder and no-memory embedding stay as they are too.
        """
        for parameter in self.parameters():
            parameter.requires_grad_(trunk)
        parts: list[nn.Module] = [self.trunk.adapters, self.neck_convs, self.to_cells, self.mask_decoder]
        if self.trunk.edge_stem is not None:
            parts.append(self.trunk.edge_stem)
        for part in parts:
            for parameter in part.parameters():
                parameter.requires_grad_(True)
        # Without drawn prompts no mask input ever comes, with them its "no mask" embedding is never used.
        unused = self.prompt_encoder.no_mask_embed if self.draws_prompts else self.prompt_encoder.mask_downscaling
        for parameter in unused.parameters():
            parameter.requires_grad_(False)

    @property
    def decoder_config(self) -> DecoderConfig:
        """The sizes of the mask decoder and its prompt encoder."""
        decoder = self.mask_decoder
        return DecoderConfig(
            width=decoder.transformer_dim,
            heads=decoder.transformer.num_heads,
            mlp=decoder.transformer.mlp_dim,
            layers=decoder.transformer.depth,
        )

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.no_memory.device
