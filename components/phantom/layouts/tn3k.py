"""TN3K: `trainval-image`, `trainval-mask`, `test-image`, `test-mask` of `NNNN.jpg`, five folds, two label tables.

Oddities kept: lossy JPEG masks, numbering that starts again in the test set, integer ids in the fold files,
sizes without end, two nodules in some, calipers, body marks, fans and depth ticks, label tables without a header.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from components.phantom import burn_in
from components.phantom.files import save_jpeg, stream
from components.phantom.thyroid import NoduleKind, thyroid

_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Item:
    """One image of one part, and what its nodules are."""

    part: Literal["trainval", "test"]
    number: int
    nodules: tuple[NoduleKind, ...]
    seed: int
    images: int = 1

    @property
    def malignant(self) -> bool:
        """Whether any of the nodules is."""
        return "malignant" in self.nodules


def plan(images: int, seed: int) -> list[Item]:
    """Train/validation and test in the real proportion (2,879 to 614); one image in nine has two nodules."""
    choose = stream("tn3k", seed)
    test = round(images * 614 / 3493) if images < 2 else max(1, round(images * 614 / 3493))
    items: list[Item] = []
    for part, count in (("trainval", images - test), ("test", test)):
        for number in range(count):
            kind: NoduleKind = choose.choice(["benign", "cystic", "malignant"], p=[0.48, 0.18, 0.34])
            two = choose.random() < 0.11
            items.append(
                Item("test" if part == "test" else "trainval", number, (kind, "benign") if two else (kind,), seed)
            )
    return items


def write(item: Item, root: Path) -> None:
    """Draw one image, burn in the console's marks, save image and mask as JPEG."""
    rng = stream("tn3k", item.seed, 1, int(item.part == "test"), item.number)
    drawing = thyroid(
        rng,
        item.nodules,
        height_px=int(np.clip(rng.lognormal(np.log(345), 0.18), 230, 520)),
        depth_mm=float(rng.uniform(27, 40)),
        width_mm=float(rng.uniform(38, 46)),
        fan=rng.random() < 0.08,
    )
    image = drawing.look(rng).image
    if rng.random() < 0.12:
        image = burn_in.calipers(image, drawing.outlines_px()[0][1], rng)
    if rng.random() < 0.1:
        image = burn_in.body_mark(image, at_xy=(int(rng.integers(8, 60)), image.shape[0] - int(rng.integers(40, 70))))
    if rng.random() < 0.3:
        image = burn_in.ticks(image, spacing_px=10 / drawing.grid.spacing_mm)
    name = f"{item.number:04d}.jpg"
    save_jpeg(image, root / f"{item.part}-image" / name, quality=92)
    save_jpeg((drawing.labels > 0).astype(np.uint8) * 255, root / f"{item.part}-mask" / name, quality=75)


def finish(root: Path, items: list[Item]) -> None:
    """The five folds (every fifth image of a shuffled list to `val`) and the label tables."""
    trainval = [item.number for item in items if item.part == "trainval"]
    order = stream("tn3k", items[0].seed, 2).permutation(len(trainval)).tolist()
    for fold in range(_FOLDS):
        val = sorted(order[fold::_FOLDS])
        held = set(val)
        split = {"train": [number for number in trainval if number not in held], "val": val}
        (root / f"tn3k-trainval-fold{fold}.json").write_text(json.dumps(split), encoding="utf-8")
    for part in ("trainval", "test"):
        rows = [f"{item.number:04d}.jpg,{int(item.malignant)}\n" for item in items if item.part == part]
        (root / f"label4{part}.csv").write_text("".join(rows), encoding="utf-8")
