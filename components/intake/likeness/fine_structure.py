"""Two images to how well their fine structure agrees: what proves that one is a near copy of the other.

Fine structure is the grey image minus its blur; coarse anatomy is alike in too many frames. It is compared at a common
scale (a cut copy keeps it) and stretched to a square (a resized copy doesn't). Leaves out: which pairs to compare
(shared_keys.py).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from components.types import Image

# Measured on BUSI phantoms with known copies and on real BUSI samples: copies correlate by 0.75 to 1.0, neighbouring
# frames of one lesion by 0.4 to 0.9, unrelated images by at most 0.36 (all 2,628 pairs of the real samples).
MIN_CORRELATION = 0.40
MAX_SIDE_PX, SQUARE_PX, SIGMA_PX = 384, 192, 3.0
PATCH_SHARE = 0.6

Fine = NDArray[np.uint8]
Shrunk = Callable[[int | None], Fine]
"""An image's fine structure at a level, as `fine_structure` gives it."""


def fine_structure(image: Image, level: int | None) -> Fine:
    """An image's fine structure around 128, shrunk by 2 to the `level`, or stretched to a square where that is None."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    size = (SQUARE_PX, SQUARE_PX) if level is None else (max(8, grey.shape[1] >> level), max(8, grey.shape[0] >> level))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    detail = small - cv2.GaussianBlur(small, (0, 0), SIGMA_PX)
    return np.clip(np.rint(detail + 128), 0, 255).astype(np.uint8)


def level_of(longest_side_px: int) -> int:
    """How often an image is halved so that its longest side has at most `MAX_SIDE_PX` pixels."""
    return ((longest_side_px - 1) // MAX_SIDE_PX).bit_length()


def largest_correlation(first: Shrunk, second: Shrunk, *, longest_side_px: int) -> float:
    """The largest normalised correlation of two images' fine structure, -1 to 1.

    The middle of the smaller image (`PATCH_SHARE` of each side) is looked for in the larger one, once with both
    shrunk by the same power of two, the `longest_side_px` of both to at most `MAX_SIDE_PX`, and once with both
    stretched to the same square.
    """
    level = level_of(longest_side_px)
    return max(_best_match(first(level), second(level)), _best_match(first(None), second(None)))


def _best_match(scene: Fine, other: Fine) -> float:
    if scene.size < other.size:
        scene, other = other, scene
    height, width = (int(min(a, b) * PATCH_SHARE) for a, b in zip(scene.shape, other.shape, strict=True))
    top, left = (other.shape[0] - height) // 2, (other.shape[1] - width) // 2
    patch = np.ascontiguousarray(other[top : top + height, left : left + width])
    if patch.std() == 0 or scene.std() == 0:
        return 0.0
    return float(cv2.matchTemplate(scene, patch, cv2.TM_CCOEFF_NORMED).max())
