"""Truth masks to prompts as a person might give them: boxes, sloppy and useless boxes, clicks, nothing at all.

Training draws from the same functions with its own generator; the validations call `draw_prompts`, whose answer
depends on nothing but its seed and the object's identity, so that every model sees the same prompts, in any
order, on any machine. A click on the pixel in column c and row r stands at its centre, (c + 0.5, r + 0.5).

Leaves out: clicks that correct a model's answer (corrective.py), how prompts move into the model's frame
(components/preprocess.py).
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
LOOSE_SHARE = 0.25
"""How far a loose box reaches beyond each side of the exact one, as a share of the extent along that axis."""
SHIFT_AND_SCALE: dict[PromptKind, float] = {"box_jitter_05": 0.05, "box_jitter_10": 0.1, "box_jitter_20": 0.2}
CORRECTIVE: dict[PromptKind, int] = {"box_clicks_1": 1, "box_clicks_3": 3, "box_clicks_5": 5, "box_clicks_3_mask": 3}
"""Kinds that a model's own answer decides about, and their rounds of clicks; what is drawn is the box to start from."""
WITH_MASK: tuple[PromptKind, ...] = ("box_clicks_3_mask",)
"""Those of them in which the model is given its last answer back, as a previous mask."""
OF_IMAGE: tuple[PromptKind, ...] = ("none", "whole_image")
"""Kinds that name no object: one case an image, whose truth is all its objects; their `object_index` is 0."""
NOTHING: PromptKind = "box_nothing"
"""The kind whose truth is empty; its `object_index` is the object from which it has its size."""


@dataclass(frozen=True, slots=True)
class DrawnPrompt:
    """A prompt, of which kind it is, and which object of the image (its value in the instance mask) it means.

    `truth_of` says what its answer is held against.
    """

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


def shift_and_scale_box(
    box: BoxXyxy, *, fraction: float, rng: np.random.Generator, size_hw: tuple[int, int]
) -> BoxXyxy:
    """Move a box's centre by uniform(-fraction, +fraction) of its extent along each axis, and scale that extent by
    1 + uniform(-fraction, +fraction).

    The draws don't depend on `fraction`: generators in one state give boxes that go the same way, twice as far at twice
    the fraction, until the image (`size_hw`, pixels) cuts them off. At least one pixel wide and high; a fraction of 0
    gives the box itself.
    """
    x0, y0, x1, y1 = box
    shift_x, shift_y, grow_x, grow_y = fraction * rng.uniform(-1, 1, size=4)
    width_px, height_px = x1 - x0, y1 - y0
    left, right = _clip_span(x0 + (shift_x - grow_x / 2) * width_px, x1 + (shift_x + grow_x / 2) * width_px, size_hw[1])
    top, bottom = _clip_span(
        y0 + (shift_y - grow_y / 2) * height_px, y1 + (shift_y + grow_y / 2) * height_px, size_hw[0]
    )
    return left, top, right, bottom


def loose_box(box: BoxXyxy, *, share: float, size_hw: tuple[int, int]) -> BoxXyxy:
    """Grow a box on each side by a share of its extent along that axis, as far as the image (`size_hw`) goes."""
    x0, y0, x1, y1 = box
    pad_x, pad_y = share * (x1 - x0), share * (y1 - y0)
    return (
        max(0.0, x0 - pad_x),
        max(0.0, y0 - pad_y),
        min(float(size_hw[1]), x1 + pad_x),
        min(float(size_hw[0]), y1 + pad_y),
    )


def empty_box(taken: Mask, *, extent_hw: tuple[int, int], rng: np.random.Generator) -> BoxXyxy | None:
    """A box of whole pixels (`extent_hw`) that holds no pixel of a mask (H W), each place equally likely; or None.

    Raises
    ------
    ValueError
        If the extent isn't at least a pixel each way.
    """
    height_px, width_px = extent_hw
    if min(extent_hw) < 1:
        raise ValueError(f"a box of {height_px} x {width_px} pixels")
    if height_px > taken.shape[0] or width_px > taken.shape[1]:
        return None
    total = np.pad(taken.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    within = (total[height_px:, width_px:] - total[:-height_px, width_px:] - total[height_px:, :-width_px]) + total[
        :-height_px, :-width_px
    ]
    places = np.flatnonzero(within == 0)
    if places.size == 0:
        return None
    top, left = divmod(int(places[rng.integers(places.size)]), within.shape[1])
    return float(left), float(top), float(left + width_px), float(top + height_px)


def truth_of(kind: PromptKind, object_index: int, instances: InstanceMask) -> Mask:
    """What the answer to a prompt is held against (H W): its object, all objects of the image, or nothing."""
    if kind in OF_IMAGE:
        return instances > 0
    if kind == NOTHING:
        return np.zeros(instances.shape, dtype=bool)
    return instances == object_index


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

    Kinds that name no object come once, last, if any object is large enough. An object for whose size there is no empty
    place has no `box_nothing`.

    `box` is the exact box, `box_jitter` the jittered one (`jitter`: see `jitter_box`), `click` the central click,
    `box_click` that same jittered box with that same click, so that it differs by one thing from either; corrective
    kinds start from that box. Other kinds: docs/evaluation.md. The answer is a function of (seed, dataset, image id,
    object index, kind) and the instance mask alone.

    Returns the objects in the record's order, each with `kinds` in their order.
    """
    drawn: list[DrawnPrompt] = []
    of_objects = [kind for kind in kinds if kind not in OF_IMAGE]
    asked = False
    for thing in record.objects:
        mask = instances == thing.index
        if int(np.count_nonzero(mask)) < max(1, min_area_px):
            continue
        asked = True
        rng_key = f"{seed}|{record.dataset}|{record.image_id}|{thing.index}|"
        for kind in of_objects:
            prompt = (
                _nothing_prompt(mask, instances > 0, rng_key=rng_key)
                if kind == NOTHING
                else _prompt(mask, kind, jitter=jitter, rng_key=rng_key)
            )
            drawn += [] if prompt is None else [DrawnPrompt(kind, thing.index, prompt)]
    whole = Prompt(box_xyxy=(0.0, 0.0, float(instances.shape[1]), float(instances.shape[0])))
    of_image = [DrawnPrompt(kind, 0, Prompt() if kind == "none" else whole) for kind in kinds if kind in OF_IMAGE]
    return drawn + (of_image if asked else [])


def _nothing_prompt(mask: Mask, taken: Mask, *, rng_key: str) -> Prompt | None:
    x0, y0, x1, y1 = exact_box(mask)
    box = empty_box(taken, extent_hw=(int(y1 - y0), int(x1 - x0)), rng=_generator(rng_key + NOTHING))
    return None if box is None else Prompt(box_xyxy=box)


def _prompt(mask: Mask, kind: PromptKind, *, jitter: float, rng_key: str) -> Prompt:
    if kind == "click":
        return Prompt(points=(central_click(mask),))
    box = exact_box(mask)
    if kind == "box":
        return Prompt(box_xyxy=box)
    if kind == "loose_box":
        return Prompt(box_xyxy=loose_box(box, share=LOOSE_SHARE, size_hw=_size_hw(mask)))
    if kind in SHIFT_AND_SCALE:
        # One key for all fractions: a curve over them then shows the fraction and not the luck of the draw.
        rng, fraction = _generator(rng_key + "shift_and_scale"), SHIFT_AND_SCALE[kind]
        return Prompt(box_xyxy=shift_and_scale_box(box, fraction=fraction, rng=rng, size_hw=_size_hw(mask)))
    jittered = jitter_box(box, fraction=jitter, rng=_generator(rng_key + "box_jitter"), size_hw=_size_hw(mask))
    return Prompt(box_xyxy=jittered, points=(central_click(mask),) if kind == "box_click" else ())


def _generator(key: str) -> np.random.Generator:
    # Python's own hash() differs between processes.
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode("utf-8")).digest()[:16], "big"))


def _size_hw(mask: Mask) -> tuple[int, int]:
    return int(mask.shape[0]), int(mask.shape[1])


def _crop(mask: Mask) -> tuple[slice, slice, Mask]:
    """The rows and columns of a mask's exact box, and the mask within them."""
    x0, y0, x1, y1 = (int(side) for side in exact_box(mask))
    return slice(y0, y1), slice(x0, x1), mask[y0:y1, x0:x1]
