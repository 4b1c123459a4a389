"""The box-fed U-Net: an image and a box drawn as a fourth channel to the mask of what is in the box.

A U-Net (Ronneberger, Fischer, Brox 2015, arXiv 1505.04597) of two 3 x 3 convolutions a level with group normalisation
(Wu, He 2018, arXiv 1803.08494; batches are small) and leaky ReLU, whose first convolution halves the size; its answer
is at that size.
Nothing in it knows of prompts beyond the box, of a teacher, or of other weights. Leaves out: clicks; anything that a
plain network for the task wouldn't have.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from components.promptable.predict import SAM2_SHIFT_PX
from components.promptable.segmenter import PromptBatch

CHANNELS_A_GROUP = 8
LEAK = 0.1
FIRST_CORNER, LAST_CORNER = 2, 3


def draw_boxes(prompts: PromptBatch, *, size_px: int) -> Tensor:
    """Draw N prompts' boxes as planes, N 1 S S: the share of each pixel that the box covers, so that parts of pixels
    count; without a box, zeros."""
    coords, labels = prompts.coords, prompts.labels
    low = _corner(coords, labels == FIRST_CORNER)  # N 2
    high = _corner(coords, labels == LAST_CORNER)
    edges = torch.arange(size_px, device=coords.device, dtype=coords.dtype)[None, :, None]  # 1 S 1
    covered = (torch.minimum(edges + 1, high[:, None]) - torch.maximum(edges, low[:, None])).clamp(0, 1)  # N S 2
    return (covered[:, :, None, 1] * covered[:, None, :, 0])[:, None]


def _corner(coords: Tensor, is_corner: Tensor) -> Tensor:
    """The corner of each prompt in input pixels, N 2; zeros where it has none."""
    return ((coords + SAM2_SHIFT_PX) * is_corner[..., None]).sum(dim=1)


class BoxUnet(nn.Module):
    """A U-Net of `channels` at each level (strides 2, 4, 8, …) for square images of `image_size_px`."""

    def __init__(self, channels: Sequence[int], *, image_size_px: int) -> None:
        super().__init__()
        self.channels = tuple(channels)
        self.image_size_px = image_size_px
        self.stem = nn.Conv2d(4, self.channels[0], 3, stride=2, padding=1)
        above = (self.channels[0], *self.channels[:-1])
        self.down = nn.ModuleList(_level(before, after) for before, after in zip(above, self.channels, strict=True))
        self.narrow = nn.ModuleList(nn.Conv2d(below, here, 1) for here, below in pairwise(self.channels))
        self.up = nn.ModuleList(_level(2 * here, here) for here in self.channels[:-1])
        self.head = nn.Conv2d(self.channels[0], 1, 1)

    def forward(self, images: Tensor, prompts: PromptBatch) -> Tensor:
        """Turn images (B 3 S S) and N prompts with boxes into mask logits, N S/2 S/2."""
        boxes = draw_boxes(prompts, size_px=self.image_size_px)
        level = self.stem(torch.cat([images[prompts.image_index], boxes.to(images.dtype)], dim=1))  # N C S/2 S/2
        kept = []
        for depth, block in enumerate(self.down):
            level = block(F.max_pool2d(level, 2) if depth else level)
            kept.append(level)
        for here in reversed(range(len(self.up))):
            risen = F.interpolate(self.narrow[here](level), scale_factor=2.0, mode="nearest")
            level = self.up[here](torch.cat([kept[here], risen], dim=1))
        logits: Tensor = self.head(level)[:, 0]
        return logits

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.head.weight.device


def _level(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(*_convolution(before, after), *_convolution(after, after))


def _convolution(before: int, after: int) -> list[nn.Module]:
    groups = max(1, after // CHANNELS_A_GROUP)
    # With plain ReLU, narrow networks of some seeds never begin to learn: all is background to them.
    return [
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.GroupNorm(groups, after),
        nn.LeakyReLU(LEAK, inplace=True),
    ]


def build_unet(channels: Sequence[int], *, image_size_px: int, seed: int) -> BoxUnet:
    """Build the network with random weights drawn from `seed`, all of which train."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BoxUnet(channels, image_size_px=image_size_px)
