"""Truth masks to prompts as a person might give them: boxes, sloppy boxes, clicks.

Training draws from the same functions with its own generator; the validations call `draw_prompts`, whose answer
depends on nothing but its seed and the object's identity, so that every model sees the same prompts, in any
order, on any machine. A click on the pixel in column c and row r stands at its centre, (c + 0.5, r + 0.5).

Leaves out: how prompts move into the model's frame (components/preprocess.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from components.params import PromptKind
from components.types import BoxXyxy, InstanceMask, Mask, Point, Prompt, Record

NEGATIVE_MARGIN_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class DrawnPrompt:
    """A prompt, of which kind it is, and which object of the image (its value in the instance mask) it means."""

    kind: PromptKind
    object_index: int
    prompt: Prompt


def exact_box(mask: Mask) -> BoxXyxy:
    """The tight half-open box around the foreground of a mask (H W), in pixels.

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    if columns.size == 0:
        raise ValueError("an empty mask has no box")
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def jitter_box(box: BoxXyxy, *, fraction: float, rng: np.random.Generator, size_hw: tuple[int, int]) -> BoxXyxy:
    """Move each side of a box by uniform(-fraction, +fraction) of the box's extent along that axis.

    The answer lies within the image (`size_hw`, pixels) and is at least one pixel wide and high.
    """
    x0, y0, x1, y1 = box
    shift = rng.uniform(-fraction, fraction, size=4)
    width_px, height_px = x1 - x0, y1 - y0
    left, right = _clip_span(x0 + shift[0] * width_px, x1 + shift[2] * width_px, size_hw[1])
    top, bottom = _clip_span(y0 + shift[1] * height_px, y1 + shift[3] * height_px, size_hw[0])
    return left, top, right, bottom


def _clip_span(low: float, high: float, size_px: int) -> tuple[float, float]:
    """Order and clip a span to [0, size]; where less than a pixel is left, one pixel about its middle."""
    low, high = sorted((float(np.clip(low, 0, size_px)), float(np.clip(high, 0, size_px))))
    if high - low >= 1:
        return low, high
    start = float(np.clip((low + high) / 2 - 0.5, 0, size_px - 1))
    return start, start + 1


def central_click(mask: Mask) -> Point:
    """The centre of the foreground pixel farthest from the border of a mask (H W); always on the foreground.

    The image's edge counts as border. Of several farthest pixels it is the one nearest to their mean.

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    rows, columns, crop = _crop(mask)
    depth = ndimage.distance_transform_edt(np.pad(crop, 1))[1:-1, 1:-1]
    farthest = np.argwhere(depth >= depth.max() - 1e-9)  # N 2, row and column
    offset = farthest - farthest.mean(axis=0)
    row, column = farthest[int(np.argmin((offset**2).sum(axis=1)))]
    return Point(x=float(columns.start + column) + 0.5, y=float(rows.start + row) + 0.5)


def random_click(mask: Mask, *, rng: np.random.Generator) -> Point:
    """The centre of a foreground pixel of a mask (H W), each equally likely.

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    rows, columns, crop = _crop(mask)
    inside = np.flatnonzero(crop)
    row, column = divmod(int(inside[rng.integers(inside.size)]), crop.shape[1])
    return Point(x=columns.start + column + 0.5, y=rows.start + row + 0.5)


def negative_click(mask: Mask, *, rng: np.random.Generator) -> Point | None:
    """The centre of a background pixel near the object of a mask (H W), as a click that says "not here".

    Near means: within the object's box, widened by a quarter of its extent (at least 2 pixels) on each side.
    None where no background is left there.

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    x0, y0, x1, y1 = (int(side) for side in exact_box(mask))
    pad_x = max(2, round((x1 - x0) * NEGATIVE_MARGIN_SHARE))
    pad_y = max(2, round((y1 - y0) * NEGATIVE_MARGIN_SHARE))
    left, top = max(0, x0 - pad_x), max(0, y0 - pad_y)
    around = mask[top : y1 + pad_y, left : x1 + pad_x]
    outside = np.flatnonzero(~around)
    if outside.size == 0:
        return None
    row, column = divmod(int(outside[rng.integers(outside.size)]), around.shape[1])
    return Point(x=left + column + 0.5, y=top + row + 0.5, positive=False)


def draw_prompts(
    record: Record,
    instances: InstanceMask,
    *,
    kinds: Sequence[PromptKind],
    jitter: float,
    seed: int,
    min_area_px: int,
) -> list[DrawnPrompt]:
    """One prompt of each kind for each object of an image, objects under `min_area_px` excepted.

    `box` is the exact box, `box_jitter` the jittered one (`jitter`: see `jitter_box`), `click` the central click,
    `box_click` that same jittered box with that same click, so that it differs by one thing from either. The
    answer is a function of (seed, dataset, image id, object index, kind) and the mask alone.

    Returns the objects in the record's order, each with `kinds` in their order.
    """
    drawn: list[DrawnPrompt] = []
    for thing in record.objects:
        mask = instances == thing.index
        if int(np.count_nonzero(mask)) < max(1, min_area_px):
            continue
        rng_key = f"{seed}|{record.dataset}|{record.image_id}|{thing.index}|"
        drawn += [DrawnPrompt(kind, thing.index, _prompt(mask, kind, jitter=jitter, rng_key=rng_key)) for kind in kinds]
    return drawn


def _prompt(mask: Mask, kind: PromptKind, *, jitter: float, rng_key: str) -> Prompt:
    if kind == "click":
        return Prompt(points=(central_click(mask),))
    box = exact_box(mask)
    if kind == "box":
        return Prompt(box_xyxy=box)
    loose = jitter_box(box, fraction=jitter, rng=_generator(rng_key + "box_jitter"), size_hw=_size_hw(mask))
    return Prompt(box_xyxy=loose, points=(central_click(mask),) if kind == "box_click" else ())


def _generator(key: str) -> np.random.Generator:
    # Python's own hash() differs between processes.
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode("utf-8")).digest()[:16], "big"))


def _size_hw(mask: Mask) -> tuple[int, int]:
    return int(mask.shape[0]), int(mask.shape[1])


def _crop(mask: Mask) -> tuple[slice, slice, Mask]:
    """The rows and columns of a mask's exact box, and the mask within them."""
    x0, y0, x1, y1 = (int(side) for side in exact_box(mask))
    return slice(y0, y1), slice(x0, x1), mask[y0:y1, x0:x1]
