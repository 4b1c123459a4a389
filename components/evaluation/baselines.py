"""What needs no learning: three answers to a box, beside which every box-prompted model stands.

`ellipse` is the ellipse inscribed in the box, the yardstick: on real breast lesions it alone reaches a Dice of 0.8 to
0.9 in the exact box, and a model that doesn't beat it has learned nothing that the person who drew the box didn't
already say. `filled_box` is the box itself. `grabcut` looks at the image: GrabCut (Rother, Kolmogorov, Blake, ACM
Transactions on Graphics 23, 2004) as OpenCV has it. Leaves out: clicks, which say too little for baselines of this
kind; where a prompt has a box and clicks, the box alone is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from components.types import BoxXyxy, Image, Mask

ELLIPSE, FILLED_BOX, GRABCUT = "ellipse", "filled_box", "grabcut"

# Started with the whole box as possible object, GrabCut shrinks to nothing on every second breast lesion: dark lesions
# in dark tissue, and speckle. So the core of the box is taken as given, and speckle is smoothed first.
CORE_SHARE = 0.7
MARGIN_SHARE = 0.25
LONGEST_SIDE_PX = 96
SPECKLE_PX = 5
ITERATIONS = 3


@dataclass(frozen=True, slots=True)
class BaselineAnswer:
    """A baseline's mask (H W), and whether the ellipse had to stand in; None for what can't fail."""

    mask: Mask
    fell_back: bool | None = None


def inscribed_ellipse(box: BoxXyxy, size_hw: tuple[int, int]) -> Mask:
    """The pixels (H W) whose centres lie in the ellipse that touches the four sides of a box, in pixels.

    A box smaller than a pixel may hold no pixel centre; then the mask is empty.
    """
    x0, y0, x1, y1 = box
    radius_x, radius_y = max((x1 - x0) / 2, 1e-9), max((y1 - y0) / 2, 1e-9)
    x = (np.arange(size_hw[1]) + 0.5 - (x0 + x1) / 2) / radius_x
    y = (np.arange(size_hw[0]) + 0.5 - (y0 + y1) / 2) / radius_y
    return np.asarray(x[None, :] ** 2 + y[:, None] ** 2 <= 1.0, dtype=np.bool_)  # H W


def filled_box(box: BoxXyxy, size_hw: tuple[int, int]) -> Mask:
    """The pixels (H W) whose centres lie in a half-open box, in pixels."""
    x0, y0, x1, y1 = box
    x, y = np.arange(size_hw[1]) + 0.5, np.arange(size_hw[0]) + 0.5
    columns, rows = (x >= x0) & (x < x1), (y >= y0) & (y < y1)
    return np.asarray(rows[:, None] & columns[None, :], dtype=np.bool_)  # H W


def grabcut(image: Image, box: BoxXyxy) -> BaselineAnswer:
    """Cut the object in a box (pixels) out of an image (H W 3): GrabCut on the box and a quarter of it around.

    Outside the box is background; the inner ellipse at `CORE_SHARE` of the box's size is object; between them the
    graph cut decides. The cut-out is shrunk to `LONGEST_SIDE_PX` where it is larger, and its speckle median-filtered.
    Where nothing can be cut - the box leaves no background, holds no pixel of a core, or all pixels are equal - the
    answer is the inscribed ellipse, and says so. The answer is a function of image and box alone.
    """
    size_hw = (image.shape[0], image.shape[1])
    rows, columns = _surroundings(box, size_hw)
    crop = image[rows, columns]
    shrink = min(1.0, LONGEST_SIDE_PX / max(crop.shape[:2]))
    height_px, width_px = (max(1, round(side * shrink)) for side in crop.shape[:2])
    small = cv2.resize(crop, (width_px, height_px), interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(np.ascontiguousarray(small), SPECKLE_PX)
    by_x, by_y = width_px / crop.shape[1], height_px / crop.shape[0]
    inner = (
        (box[0] - columns.start) * by_x,
        (box[1] - rows.start) * by_y,
        (box[2] - columns.start) * by_x,
        (box[3] - rows.start) * by_y,
    )
    inside, core = filled_box(inner, (height_px, width_px)), _core(inner, (height_px, width_px))
    if inside.all() or not core.any() or small.min() == small.max():
        return BaselineAnswer(inscribed_ellipse(box, size_hw), fell_back=True)
    trimap = np.full((height_px, width_px), cv2.GC_BGD, dtype=np.uint8)
    trimap[inside] = cv2.GC_PR_FGD
    trimap[core] = cv2.GC_FGD
    # OpenCV draws the first clusters of colours with a generator of its own, one for each thread.
    cv2.setRNGSeed(0)
    cv2.grabCut(small, trimap, None, np.zeros((1, 65)), np.zeros((1, 65)), ITERATIONS, cv2.GC_INIT_WITH_MASK)
    cut = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    mask = np.zeros(size_hw, dtype=np.bool_)
    mask[rows, columns] = cv2.resize(cut, (crop.shape[1], crop.shape[0]), interpolation=cv2.INTER_LINEAR) > 0.5
    return BaselineAnswer(mask, fell_back=False)


def _surroundings(box: BoxXyxy, size_hw: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a box widened by `MARGIN_SHARE` (at least 2 pixels) on each side, within the image."""
    x0, y0, x1, y1 = box
    pad_x, pad_y = max(2.0, MARGIN_SHARE * (x1 - x0)), max(2.0, MARGIN_SHARE * (y1 - y0))
    top, bottom = int(max(0, np.floor(y0 - pad_y))), int(min(size_hw[0], np.ceil(y1 + pad_y)))
    left, right = int(max(0, np.floor(x0 - pad_x))), int(min(size_hw[1], np.ceil(x1 + pad_x)))
    return slice(top, bottom), slice(left, right)


def _core(box: BoxXyxy, size_hw: tuple[int, int]) -> Mask:
    x0, y0, x1, y1 = box
    cut_x, cut_y = (1 - CORE_SHARE) / 2 * (x1 - x0), (1 - CORE_SHARE) / 2 * (y1 - y0)
    return inscribed_ellipse((x0 + cut_x, y0 + cut_y, x1 - cut_x, y1 - cut_y), size_hw)


BASELINES: Mapping[str, Callable[[Image, BoxXyxy], BaselineAnswer]] = {
    ELLIPSE: lambda image, box: BaselineAnswer(inscribed_ellipse(box, (image.shape[0], image.shape[1]))),
    FILLED_BOX: lambda image, box: BaselineAnswer(filled_box(box, (image.shape[0], image.shape[1]))),
    GRABCUT: grabcut,
}
"""The baselines by name, in the order in which tables show them; each takes an image (H W 3) and a box."""
IN_TABLES_ONLY = (FILLED_BOX, GRABCUT)
"""What figures and the console leave to the report's tables, so that the yardstick stays in sight."""
