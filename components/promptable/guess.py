"""Prompts drawn as SAM2's mask input: a coarse first guess of the object, for models that are told so.

SAM2's decoder takes a previous mask as logits beside boxes and clicks. Where no official weights are at hand that
already understand box corners, the ellipse inscribed in the box and a bump at each click are offered there, which a
network trained from scratch understands within minutes instead of days. Off for official weights.

A previous mask is drawn as what it covers, halfway between that and the ellipse where there is a box too. All of
it is as sure as the ellipse's centre, so it fades out around each click: added to each other, the two would say nothing
just where the click corrects the mask. Clicks on it are drawn narrower, as they correct parts of an object.

Differs from paper: the paper gives boxes only as SAM2's corner tokens; those are given here too.
"""

from __future__ import annotations

import torch
from torch import Tensor

LOGIT = 4.0
CLICK_SIGMA_SHARE = 0.04
CORRECTION_SIGMA_SHARE = 0.025
_SHIFT_PX = 0.5


def draw_guess(coords: Tensor, labels: Tensor, *, image_size_px: int, previous: Tensor | None = None) -> Tensor:
    """Draw N prompts as logits, N 1 S/4 S/4.

    Parameters
    ----------
    coords, labels
        N P 2 and N P, as in PromptBatch: input pixels in SAM2's half-pixel frame; labels 2 and 3 are a box's corners.
    previous
        N S/4 S/4, as in PromptBatch: the share of each cell that a previous mask covers, or -1 where there is none.

    The ellipse inscribed in the box is `LOGIT` at its centre, 0 at its rim and no less than -`LOGIT` outside; without
    a box all starts at 0. Each click adds or subtracts a Gaussian of height `LOGIT`, 4 % of the input wide. A previous
    mask is `LOGIT` where it covers a cell and -`LOGIT` where it doesn't, fading to 0 at each click, whose Gaussian is
    then 2.5 % of the input wide; where there is a box, the mean of mask and ellipse is drawn.
    """
    cells = image_size_px // 4
    centres = (torch.arange(cells, device=coords.device, dtype=coords.dtype) + 0.5) * 4  # input pixels
    x, y = centres[None, None, :], centres[None, :, None]
    xy = coords + _SHIFT_PX
    has_box = (labels == 2).any(dim=1) & (labels == 3).any(dim=1)
    ellipse = _ellipse(xy, labels, x, y, has_box=has_box)
    guess = ellipse + LOGIT * _bumps(xy, labels, centres, sigma_px=CLICK_SIGMA_SHARE * image_size_px).sum(dim=1)
    if previous is not None:
        bumps = _bumps(xy, labels, centres, sigma_px=CORRECTION_SIGMA_SHARE * image_size_px)
        known = LOGIT * (2 * previous - 1) * (1 - bumps.abs().amax(dim=1))
        known = torch.where(has_box[:, None, None], (ellipse + known) / 2, known)
        guess = torch.where(previous >= 0, known + LOGIT * bumps.sum(dim=1), guess)
    return guess[:, None]


def _bumps(xy: Tensor, labels: Tensor, centres: Tensor, *, sigma_px: float) -> Tensor:
    """N P cells cells: a Gaussian of height 1 at each click, of its sign, and zeros for what is no click."""
    # All points at once: a loop over them would be frozen at one number of points when the decoder is exported.
    sign = (labels == 1).to(xy.dtype) - (labels == 0).to(xy.dtype)  # N P
    along = torch.exp(-((centres - xy[..., None]) ** 2) / (2 * sigma_px**2))  # N P 2 cells; a Gaussian is separable
    return sign[..., None, None] * (along[:, :, 1, :, None] * along[:, :, 0, None, :])


def _ellipse(xy: Tensor, labels: Tensor, x: Tensor, y: Tensor, *, has_box: Tensor) -> Tensor:
    """N cells cells: the inscribed ellipse of each prompt's box as logits, zeros where it has none."""
    first, last = (labels == 2), (labels == 3)
    low = (xy * first[..., None]).sum(dim=1)  # N 2
    high = (xy * last[..., None]).sum(dim=1)
    centre, half = (low + high) / 2, ((high - low) / 2).clamp(min=1e-3)
    u = (x - centre[:, 0, None, None]) / half[:, 0, None, None]
    v = (y - centre[:, 1, None, None]) / half[:, 1, None, None]
    inside = (LOGIT * (1 - (u**2 + v**2))).clamp(min=-LOGIT)
    return torch.where(has_box[:, None, None], inside, torch.zeros_like(inside))
