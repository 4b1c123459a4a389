"""Grey values of any depth to 8 bits and three channels.

Leaves out: windows that a file or a viewer proposes; a model sees the whole range of its frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.errors import ImageError
from components.types import Image

SCALED_AT_ONCE_PX = 2**16


def grey_to_rgb(grey: NDArray[np.generic], *, name: str, inverted_from: float | None = None) -> Image:
    """Scale a grey image (H W) of any depth by its own range to 8 bits, three channels (H W 3).

    `inverted_from` is the value from which all others are subtracted first, where dark and bright are swapped.

    Raises
    ------
    ImageError
        If a value isn't a finite number.
    """
    low, high = float(grey.min()), float(grey.max())
    if inverted_from is not None:
        low, high = inverted_from - high, inverted_from - low
    if not np.isfinite(high - low):
        raise ImageError(
            f"{name}: grey values that aren't finite numbers", expected="finite grey values", remedy="export as 8 bit"
        )
    rgb = np.zeros((*grey.shape, 3), dtype=np.uint8)
    if high <= low:
        return rgb
    scale = 255.0 / (high - low)
    flat, flat_rgb = grey.reshape(-1), rgb.reshape(-1, 3)
    # A part at a time: in float64 the largest image would take a gigabyte, and float32 rounds otherwise.
    for start in range(0, flat.size, SCALED_AT_ONCE_PX):
        part = flat[start : start + SCALED_AT_ONCE_PX].astype(np.float64)
        if inverted_from is not None:
            part = inverted_from - part
        flat_rgb[start : start + SCALED_AT_ONCE_PX] = np.rint((part - low) * scale)[:, None]
    return rgb
