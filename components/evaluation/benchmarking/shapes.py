"""Other people's networks in their published shapes, with random weights: for what they cost, not for what they find.

Each takes what `components/promptable/predict.py` gives a model, so that reading, preprocessing and bringing masks back
are the same code for all, and the networks alone differ. Leaves out: published weights and each author's own
preprocessing (components/evaluation/peers); SAM2.1, which is a teacher without adapters (catalogue.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from sam2.modeling.sam.prompt_encoder import PromptEncoder
from torch import Tensor, nn

from components.evaluation.peers.networks.sam1 import EMBEDDING_CHANNELS, Sam1
from components.evaluation.peers.networks.tiny_vit import CHANNELS, ConvNorm, TinyViT
from components.promptable.embedding import Embedding, PromptBatch
from components.unet.network import BoxUnet, draw_boxes

BLOCK_CONVOLUTIONS = 2


class SamShape(nn.Module):
    """A first SAM of any encoder for square inputs of `image_size_px`; its embedding is one map, at `stride`.

    Clicks are answered too, whether or not its authors trained with them.
    """

    def __init__(self, image_encoder: nn.Module, *, image_size_px: int, stride: int) -> None:
        super().__init__()
        self.image_size_px = image_size_px
        self.sam = Sam1(image_encoder, input_px=image_size_px)
        side = image_size_px // stride
        # Sam1 is for 64 by 64, the side that all its published weights have.
        self.sam.prompt_encoder = PromptEncoder(
            embed_dim=EMBEDDING_CHANNELS,
            image_embedding_size=(side, side),
            input_image_size=(image_size_px, image_size_px),
            mask_in_chans=16,
        )

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.sam.device

    def encode(self, images: Tensor) -> Embedding[Tensor]:
        """Turn images (B 3 S S) into embeddings; SAM's decoder takes one map, so a value stands for the finer two."""
        found = self.sam.encode(images)
        value = found[:, :1, :1, :1]
        return Embedding(s4=value, s8=value, s16=found)

    def decode(self, embedding: Embedding[Tensor], prompts: PromptBatch[Tensor]) -> tuple[Tensor, Tensor]:
        """Turn prompts into mask logits (N h w) and estimates of each mask's IoU (N)."""
        rows = prompts.image_index
        each = Embedding(s4=embedding.s4[rows], s8=embedding.s8[rows], s16=embedding.s16[rows])
        return self.decode_each(each, prompts.coords, prompts.labels)

    def decode_each(
        self,
        embedding: Embedding[Tensor],
        coords: Tensor,
        labels: Tensor,
        previous: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """As `decode`, on an embedding for each prompt; what an export traces. A previous mask changes nothing."""
        sparse, dense = self.sam.prompt_encoder(points=(coords, labels), boxes=None, masks=None)
        logits, quality, _, _ = self.sam.mask_decoder(
            image_embeddings=embedding.s16,
            image_pe=self.sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
            repeat_image=False,
        )
        # An export leaves out inputs that nothing uses, and all models are run with the same ones.
        unused = [embedding.s4, embedding.s8, *([] if previous is None else [previous[:, None, :1, :1]])]
        return logits[:, 0], quality[:, 0] + 0 * torch.cat(unused, dim=1).sum(dim=(1, 2, 3))


class _QuarterSize(nn.Module):
    """TinyViT's own patch embedding, two convolutions of stride 2 (arXiv 2207.10666, section 4)."""

    def __init__(self) -> None:
        super().__init__()
        first = CHANNELS[0]
        self.seq = nn.Sequential(
            ConvNorm(3, first // 2, kernel=3, stride=2), nn.GELU(), ConvNorm(first // 2, first, kernel=3, stride=2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """B 3 H W to B C H/4 W/4."""
        out: Tensor = self.seq(x)
        return out


def litemedsam(image_size_px: int) -> SamShape:
    """LiteMedSAM's shape, 256 pixels as its authors use it; at another input it is the same network on more tokens."""
    return SamShape(TinyViT(), image_size_px=image_size_px, stride=4)


def mobilesam(image_size_px: int) -> SamShape:
    """MobileSAM's shape (Zhang et al., arXiv 2306.14289), TinyViT-5M at stride 16; its authors use 1024 pixels."""
    encoder = TinyViT()
    encoder.patch_embed = _QuarterSize()  # type: ignore[assignment]  # the same call at another stride
    return SamShape(encoder, image_size_px=image_size_px, stride=16)


class ClassicUnet(nn.Module):
    """The U-Net of Ronneberger, Fischer and Brox (arXiv 1505.04597), padded, with batch normalisation, for four planes.

    Five levels from `channels`, each twice as wide as the one above, at the full size of the input, as it is commonly
    used as a baseline.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [channels << level for level in range(5)]
        before = [4, *widths[:-1]]
        self.down = nn.ModuleList(_level(*pair) for pair in zip(before, widths, strict=True))
        self.rise = nn.ModuleList(nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in widths[:-1])
        self.up = nn.ModuleList(_level(2 * width, width) for width in widths[:-1])
        self.head = nn.Conv2d(channels, 1, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        """B 4 S S to logits, B S S."""
        kept: list[Tensor] = []
        for depth, level in enumerate(self.down):
            x = level(self.pool(x) if depth else x)
            kept.append(x)
        for depth in reversed(range(len(self.up))):
            x = self.up[depth](torch.cat([kept[depth], self.rise[depth](x)], dim=1))
        logits: Tensor = self.head(x)[:, 0]
        return logits


def _level(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs in (before, *[after] * (BLOCK_CONVOLUTIONS - 1)):
        layers += [nn.Conv2d(inputs, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class UnetShape(nn.Module):
    """A network without an embedding: the image and a box go in together, so that all its time is the mask's."""

    def __init__(self, network: BoxUnet | ClassicUnet, *, image_size_px: int) -> None:
        super().__init__()
        self.network = network
        self.image_size_px = image_size_px

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.network.head.weight.device

    def encode(self, images: Tensor) -> Embedding[Tensor]:
        """Keep the images (B 3 S S) as they are."""
        nothing = images.new_empty(len(images), 0)
        return Embedding(s4=nothing, s8=nothing, s16=images)

    def decode(self, embedding: Embedding[Tensor], prompts: PromptBatch[Tensor]) -> tuple[Tensor, Tensor]:
        """Turn prompts with boxes into mask logits (N h w); it estimates no quality, so that this is 1 for all (N)."""
        images = embedding.s16
        if isinstance(self.network, BoxUnet):
            logits = self.network(images, prompts)
        else:
            boxes = draw_boxes(prompts, size_px=self.image_size_px).to(images.dtype)
            logits = self.network(torch.cat([images[prompts.image_index], boxes], dim=1))
        return logits, torch.ones(len(logits), device=logits.device)


def unet(channels: Sequence[int], image_size_px: int) -> UnetShape:
    """This project's own box-fed U-Net, the baseline of every evaluation."""
    return UnetShape(BoxUnet(channels, image_size_px=image_size_px), image_size_px=image_size_px)


def classic_unet(channels: int, image_size_px: int) -> UnetShape:
    """A classic U-Net of so many channels at its first level."""
    return UnetShape(ClassicUnet(channels), image_size_px=image_size_px)
