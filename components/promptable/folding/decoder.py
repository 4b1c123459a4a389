"""SAM2's mask decoder for one prompt and one mask, folded: the maps of an image and a prompt to logits and quality.

All tokens take part in the attention between them, but at the end only two are read: the first mask's and the
quality's. So the last attention has two queries, one hypernetwork is left of four, and the head that scores whether
there is an object is gone. Cells stay in rows of the map, channels last, so that normalising and upscaling (a product,
then the cells put into their places) need no other order. Leaves out: several masks for one prompt.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from einops import rearrange
from sam2.modeling.sam.transformer import TwoWayAttentionBlock
from sam2.modeling.sam2_utils import MLP, LayerNorm2d
from torch import Tensor, nn

from components.promptable.folding.attention import ImageToTokens, SelfAttention, TokensToImage
from components.promptable.folding.linear import Affine, affine
from components.promptable.folding.prompts import FoldedPrompts
from components.promptable.segmenter import Embedding, Segmenter

_QUALITY, _MASK = 0, 1


class FoldedDecoder(nn.Module):
    """The maps of one image and one prompt to logits (1 S/4 S/4) and quality (1)."""

    position: Tensor

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__()
        decoder = segmenter.mask_decoder
        assert not decoder.dynamic_multimask_via_stability, "which mask is asked for is known beforehand"
        self.prompts = FoldedPrompts(segmenter)
        self.layers = nn.ModuleList(Layer(layer) for layer in decoder.transformer.layers)
        self.look = TokensToImage(decoder.transformer.final_attn_token_to_image)
        self.norm = copy.deepcopy(decoder.transformer.norm_final_attn)
        self.upscaling = Upscaling(decoder.output_upscaling)
        self.hypernetwork = copy.deepcopy(decoder.output_hypernetworks_mlps[0])
        self.judge = _first_output(decoder.iou_prediction_head)
        with torch.no_grad():
            position = rearrange(segmenter.prompt_encoder.get_dense_pe(), "1 c h w -> (h w) c")
        self.register_buffer("position", position.to(self.prompts.frequencies).contiguous())  # N D

    def forward(self, maps: Embedding, coords: Tensor, labels: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of one image, and 1 P 2, 1 P, 1 S/4 S/4 as in `PromptBatch`."""
        names, said = self.prompts(coords, labels, previous)  # T D, N D
        tokens, cells = names, rearrange(maps.s16, "1 c h w -> (h w) c") + said
        for index, layer in enumerate(self.layers):
            tokens, cells = layer(tokens, names, cells, cells + self.position, first=index == 0)
        read = slice(self.prompts.quality_row, self.prompts.quality_row + 2)
        tokens, names = tokens[read], names[read]
        tokens = self.norm(tokens + self.look(tokens + names, cells + self.position, cells))
        logits = self.upscaling(cells, maps, self.hypernetwork(tokens[_MASK, None]))
        return logits, self.judge(tokens[_QUALITY, None])[:, 0]


class Layer(nn.Module):
    """One layer of SAM2's two-way transformer: tokens (T D) and cells (N D) see themselves and each other."""

    def __init__(self, layer: TwoWayAttentionBlock) -> None:
        super().__init__()
        self.among_tokens = SelfAttention(layer.self_attn)
        self.look = TokensToImage(layer.cross_attn_token_to_image)
        self.answer = ImageToTokens(layer.cross_attn_image_to_token)
        self.mlp = copy.deepcopy(layer.mlp)
        self.norms = nn.ModuleList(copy.deepcopy(norm) for norm in (layer.norm1, layer.norm2, layer.norm3, layer.norm4))

    def forward(
        self, tokens: Tensor, names: Tensor, cells: Tensor, placed: Tensor, *, first: bool
    ) -> tuple[Tensor, Tensor]:
        """`names` are the tokens as they came, `placed` the cells with where they are; a `first` layer adds no names
        and replaces what the tokens were."""
        norm_self, norm_look, norm_mlp, norm_cells = self.norms
        if first:
            tokens = norm_self(self.among_tokens(tokens, tokens))
        else:
            tokens = norm_self(tokens + self.among_tokens(tokens + names, tokens))
        tokens = norm_look(tokens + self.look(tokens + names, placed, cells))
        tokens = norm_mlp(tokens + self.mlp(tokens))
        return tokens, norm_cells(self.answer(tokens + names, placed, tokens, cells))


class Upscaling(nn.Module):
    """Cells at stride 16 (N D), the finer maps and a hypernetwork's answer (1 C) to logits at stride 4 (1 S/4 S/4).

    A transposed convolution whose kernel is as large as its stride is a product, each cell's four new ones side by
    side, which are then put where they belong.
    """

    def __init__(self, upscaling: nn.Sequential) -> None:
        super().__init__()
        to_s8, norm, _, to_s4, _ = upscaling
        assert isinstance(to_s8, nn.ConvTranspose2d) and isinstance(to_s4, nn.ConvTranspose2d)
        assert isinstance(norm, LayerNorm2d)
        self.to_s8, self.to_s4 = _four_cells(to_s8), _four_cells(to_s4)
        self.norm = nn.LayerNorm(len(norm.weight), eps=norm.eps).to(norm.weight)
        self.norm.load_state_dict(norm.state_dict())

    def forward(self, cells: Tensor, maps: Embedding, hyper: Tensor) -> Tensor:
        height, width = int(maps.s16.shape[2]), int(maps.s16.shape[3])
        fine = _raster(self.to_s8(cells), height) + rearrange(maps.s8, "1 c h w -> (h w) c")
        fine = F.gelu(self.norm(fine))
        fine = _raster(self.to_s4(fine), 2 * height) + rearrange(maps.s4, "1 c h w -> (h w) c")
        logits = F.gelu(fine) @ rearrange(hyper, "1 c -> c 1")  # S/4*S/4 1
        return rearrange(logits, "(h w) 1 -> 1 h w", h=4 * height, w=4 * width)


def _four_cells(conv: nn.ConvTranspose2d) -> nn.Linear:
    """A transposed convolution of 2x2 with stride 2 as a layer to the four cells' channels, row by row."""
    assert conv.kernel_size == conv.stride == (2, 2) and conv.bias is not None
    weight = rearrange(conv.weight.detach().double(), "i o y x -> (y x o) i")
    return Affine(weight, conv.bias.detach().double().repeat(4)).linear(conv.weight)


def _raster(four: Tensor, height: int) -> Tensor:
    """Cells with their four finer ones side by side (h*w 4C) to the finer ones in rows of the map (2h*2w C)."""
    return rearrange(four, "(h w) (y x c) -> (h y w x) c", h=height, y=2, x=2)


def _first_output(network: MLP) -> MLP:
    """A network that gives only the first of its outputs."""
    first = copy.deepcopy(network)
    last = affine(first.layers[-1])
    first.layers[-1] = Affine(last.weight[:1], last.bias[:1]).linear(first.layers[-1].weight)
    return first
