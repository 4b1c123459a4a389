"""Pixels of an image, to whether they show anything: how much of the frame differs, and how smoothly.

An image that carries nothing is of one grey (black, white, a failed export), nearly so (compression's traces, a line of
text), or noise, in which a pixel says nothing of the one beside it. Ultrasound is neither: its speckle is some pixels
large. Measured on 117 real images and 248 phantoms, at least 30 % of a frame differ from its median by more than
`EVEN_GREY`, and neighbours correlate by 0.81 or more. Leaves out: smooth pictures of something else, and inverted
images, whose greys overlap with those of bright tissue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

# Of 255: more than what compression leaves on an even ground.
EVEN_GREY = 8
_ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Content:
    """The share of the frame that differs from its median grey, and how neighbours correlate.

    There is no correlation where all is one grey.
    """

    picture_share: float
    neighbour_correlation: float | None


def content_of(bright: Grey) -> Content:
    """Measure an image's brightest channel (H W)."""
    counts = histogram(bright)
    median = int(np.searchsorted(np.cumsum(counts), bright.size / 2))
    even = int(counts[max(0, median - EVEN_GREY) : median + EVEN_GREY + 1].sum())
    return Content(1 - even / bright.size, _neighbour_correlation(bright, counts))


def histogram(values: NDArray[np.integer[Any]], *, levels: int = 256) -> NDArray[np.int64]:
    """How often each value from 0 on, and under `levels`, stands in an array (H W); in bounded memory."""
    counts = np.zeros(levels, dtype=np.int64)
    for start in range(0, len(values), _ROWS_AT_ONCE):
        counts += np.bincount(values[start : start + _ROWS_AT_ONCE].ravel(), minlength=levels)
    return counts


def _neighbour_correlation(bright: Grey, counts: NDArray[np.int64]) -> float | None:
    """The correlation of a pixel with the one beside it, or with the one below where that is larger."""
    levels = np.arange(256)
    mean = float(counts @ levels) / bright.size
    variance = float(counts @ (levels - mean) ** 2) / bright.size
    if variance == 0 or min(bright.shape) < 2:
        return None
    beside = below = 0.0
    for start in range(0, len(bright), _ROWS_AT_ONCE):
        part = bright[start : start + _ROWS_AT_ONCE + 1].astype(np.float32) - np.float32(mean)
        own = part[:_ROWS_AT_ONCE]
        beside += float(np.einsum("ij,ij->", own[:, :-1], own[:, 1:]))
        below += float(np.einsum("ij,ij->", part[:-1], part[1:]))
    height_px, width_px = bright.shape
    pairs = height_px * (width_px - 1), (height_px - 1) * width_px
    return max(beside / pairs[0], below / pairs[1]) / variance
