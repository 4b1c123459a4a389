"""What a console writes over an image: calipers, text, a body mark, depth ticks, black borders.

Burnt in after everything else, so a label never knows of it.

Leaves out: measurements that mean anything.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from components.phantom.shapes import Polygon

Grey = NDArray[np.uint8]
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def calipers(image: Grey, outline_px: Polygon, rng: np.random.Generator, *, grey: int = 235) -> Grey:
    """Crosses at the ends of the longest and of the crossing diameter, joined by dots."""
    out = image.copy()
    centred = outline_px - outline_px.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    for number, axis in enumerate(axes, 1):
        along = centred @ axis
        ends = outline_px.mean(axis=0) + np.outer([along.min(), along.max()], axis)
        ends += rng.normal(0, 1.0, ends.shape)
        count = max(2, int(np.linalg.norm(ends[1] - ends[0]) / 5))
        for x, y in np.linspace(ends[0], ends[1], count)[1:-1]:
            if 0 <= int(y) < out.shape[0] and 0 <= int(x) < out.shape[1]:
                out[int(y), int(x)] = grey
        for x, y in np.round(ends).astype(int).tolist():
            cv2.line(out, (x - 4, y), (x + 4, y), grey, 1)
            cv2.line(out, (x, y - 4), (x, y + 4), grey, 1)
        x, y = np.round(ends[0]).astype(int).tolist()
        cv2.putText(out, str(number), (x - 12, y - 5), _FONT, 0.4, grey, 1, cv2.LINE_AA)
    return out


def text(image: Grey, words: str, *, at_xy: tuple[int, int], scale: float = 0.5, grey: int = 225) -> Grey:
    """Words with their lower left corner at a pixel."""
    out = image.copy()
    cv2.putText(out, words, at_xy, _FONT, scale, grey, 1, cv2.LINE_AA)
    return out


def body_mark(image: Grey, *, at_xy: tuple[int, int], grey: int = 200) -> Grey:
    """A small neck drawing with the probe on it."""
    out = image.copy()
    x, y = at_xy
    cv2.polylines(out, [np.array([[x, y], [x + 4, y + 12], [x - 2, y + 20]], np.int32)], False, grey, 1)
    cv2.polylines(out, [np.array([[x + 22, y], [x + 18, y + 12], [x + 24, y + 20]], np.int32)], False, grey, 1)
    cv2.line(out, (x + 7, y + 14), (x + 13, y + 11), grey, 2)
    return out


def ticks(image: Grey, *, spacing_px: float, grey: int = 170) -> Grey:
    """Depth marks at the right edge."""
    out = image.copy()
    for row in np.arange(spacing_px, image.shape[0], spacing_px).astype(int):
        out[row, -3:] = grey
    return out


def framed(image: Grey, *, size_hw: tuple[int, int], at_xy: tuple[int, int]) -> Grey:
    """The image on a black frame of another size, its corner at `at_xy`; what sticks out is cut off."""
    out = np.zeros(size_hw, np.uint8)
    x, y = at_xy
    height, width = min(image.shape[0], size_hw[0] - y), min(image.shape[1], size_hw[1] - x)
    out[y : y + height, x : x + width] = image[:height, :width]
    return out
