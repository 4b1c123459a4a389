"""BUSI: `Dataset_BUSI_with_GT/<class>/<class> (<n>).png` with `_mask.png`, `_mask_1.png` for further lesions.

Oddities kept: mask modes mixed (RGB, 1-bit, RGBA), normals with empty masks, text and calipers on some, several
images of one scene. Left out: a mask of another size than its image.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.phantom import burn_in
from components.phantom.breast import LesionKind, breast
from components.phantom.files import rgb, save_png, stream

TOP = "Dataset_BUSI_with_GT"
Class = Literal["benign", "malignant", "normal"]
_WORDS = ("RT BREAST", "LEFT BREAST", "LT 2", "RT 2", "UOQ", "RT AXILLA", "3 O'CLOCK")


@dataclass(frozen=True, slots=True)
class Item:
    """One image: its class, number and scene; images of one scene differ in `view` only."""

    kind: Class
    number: int
    scene: int
    view: int
    seed: int
    images: int = 1


def plan(images: int, seed: int) -> list[Item]:
    """Classes in the real proportions; about one image in eight looks again at the scene before it."""
    counts = _counts(images)
    choose = stream("busi", seed)
    items: list[Item] = []
    for kind, count in counts.items():
        for number in range(1, count + 1):
            again = number > 1 and choose.random() < 0.125
            scene = items[-1].scene if again else len(items)
            items.append(Item(kind, number, scene, items[-1].view + 1 if again else 0, seed))
    return items


def _counts(images: int) -> dict[Class, int]:
    """Benign, malignant and normal images; each class has one as soon as there are three."""
    normal = round(images * 0.17) if images < 3 else max(1, round(images * 0.17))
    malignant = round(images * 0.27) if images < 3 else max(1, round(images * 0.27))
    return {"benign": images - malignant - normal, "malignant": malignant, "normal": normal}


def _lesions(kind: Class, rng: np.random.Generator) -> tuple[LesionKind, ...]:
    if kind == "normal":
        return ()
    if kind == "malignant":
        return ("malignant",)
    first: LesionKind = "cyst" if rng.random() < 0.25 else "benign"
    return (first, "benign") if rng.random() < 0.08 else (first,)


def write(item: Item, root: Path) -> None:
    """Draw the scene, cut the view out of it, burn in what a console writes, save image and masks."""
    rng = stream("busi", item.seed, 1, item.scene)
    drawing = breast(
        rng,
        _lesions(item.kind, rng),
        height_px=int(rng.integers(310, 560)),
        depth_mm=float(rng.uniform(30, 45)),
        width_mm=float(rng.uniform(38, 50)),
    )
    image, labels = drawing.look(rng).image, drawing.labels
    view = stream("busi", item.seed, 2, item.scene, item.view)
    if item.view:
        image, labels = _another_view(image, labels, view)
    else:
        outlines = drawing.outlines_px()
        if outlines and view.random() < 0.12:
            image = burn_in.calipers(image, outlines[0][1], view)
        if view.random() < 0.18:
            at = (int(view.integers(5, 40)), int(image.shape[0] - view.integers(12, 60)))
            image = burn_in.text(image, str(view.choice(_WORDS)), at_xy=at)
    folder = root / TOP / item.kind
    stem = f"{item.kind} ({item.number})"
    save_png(rgb(image), folder / f"{stem}.png")
    for index in range(max(1, len(drawing.outlines_mm))):
        suffix = "_mask" if index == 0 else f"_mask_{index}"
        save_png(_encoded(labels == index + 1, item, index), folder / f"{stem}{suffix}.png")


def _another_view(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], view: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The same frame cut a little closer, at another gain; never through a lesion."""
    height, width = image.shape
    rows, cols = np.nonzero(labels) if labels.any() else (np.array([height // 2]), np.array([width // 2]))
    top = int(view.integers(0, min(0.08 * height, max(rows.min() - 2, 0)) + 1))
    left = int(view.integers(0, min(0.08 * width, max(cols.min() - 2, 0)) + 1))
    bottom = height - int(view.integers(0, min(0.08 * height, max(height - rows.max() - 3, 0)) + 1))
    right = width - int(view.integers(0, min(0.08 * width, max(width - cols.max() - 3, 0)) + 1))
    gain = view.uniform(0.85, 1.2)
    cut = np.clip(image[top:bottom, left:right] * gain + 0.5, 0, 255).astype(np.uint8)
    return cut, labels[top:bottom, left:right]


def _encoded(mask: NDArray[np.bool_], item: Item, index: int) -> NDArray[np.uint8] | NDArray[np.bool_]:
    """The mask in the mode that this image's place in the dataset has."""
    if index > 0:  # RGBA, opaque everywhere: "any channel above zero" would call the whole frame lesion
        grey = mask.astype(np.uint8) * 255
        return np.dstack([grey, grey, grey, np.full_like(grey, 255)])
    if item.kind == "normal" or (item.kind == "benign" and item.number <= 14):
        return rgb(mask.astype(np.uint8) * 255)
    return mask
