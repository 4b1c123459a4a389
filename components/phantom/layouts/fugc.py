"""FUGC 2025: `dataset/train/{labeled_data/{images,labels},unlabeled_data/images}`, `val`, `test`; masks {0, 1, 2}.

Images are RGB, 336 x 544 (h x w). Oddities kept: a third of the training images without labels beside those with.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.phantom.cervix import cervix
from components.phantom.files import rgb, save_png, stream

_PARTS = {
    "train": (Path("train/labeled_data/images"), Path("train/labeled_data/labels")),
    "unlabeled": (Path("train/unlabeled_data/images"), None),
    "val": (Path("val/images"), Path("val/labels")),
    "test": (Path("test/images"), Path("test/labels")),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One image of one part; an unlabelled one counts as no labelled image."""

    part: str
    number: int
    index: int
    seed: int

    @property
    def images(self) -> int:
        """Labelled images: one, or none."""
        return int(self.part != "unlabeled")


def plan(images: int, seed: int) -> list[Item]:
    """Labelled images as 50 : 90 : 300, and a few more without labels."""
    train = max(1, round(images * 50 / 440)) if images > 2 else 0
    val = max(1, round(images * 90 / 440)) if images > 2 else 0
    counts = {"train": train, "unlabeled": max(1, images // 10), "val": val, "test": images - train - val}
    numbered = [(part, number) for part, count in counts.items() for number in range(1, count + 1)]
    return [Item(part, number, index, seed) for index, (part, number) in enumerate(numbered)]


def write(item: Item, root: Path) -> None:
    """Draw one cervix and save it, with its label where it has one."""
    rng = stream("fugc", item.seed, 1, item.index)
    drawing = cervix(rng)
    images, labels = _PARTS[item.part]
    name = f"{item.number:04d}.png"
    save_png(rgb(drawing.look(rng).image), root / "dataset" / images / name)
    if labels is not None:
        save_png(drawing.labels, root / "dataset" / labels / name)
