"""Records to strata: within each dataset by class, and by size of the object.

Size is the share of the frame that an image's largest object covers, since all frames become one size before a model
sees them; its terciles are those of the dataset's own images. Leaves out: dividing strata among sides (assignment.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.intake.sides.images import Images, Integers

NO_OBJECT, SIZES = "no object", ("small", "medium", "large")
NO_CLASS = ""


@dataclass(frozen=True, slots=True, order=True)
class Stratum:
    """A dataset's images of one class (`NO_CLASS` where the authors give none) and one size."""

    dataset: str
    subject_class: str
    size: str


def strata_of(images: Images) -> tuple[Integers, tuple[Stratum, ...]]:
    """The stratum of each row as a number (n), and the stratum of each number, sorted."""
    names = (*SIZES, NO_OBJECT)
    size = np.full(images.count, len(SIZES), dtype=np.int64)
    for dataset in range(len(images.names)):
        own = np.flatnonzero((images.dataset == dataset) & (images.largest_share > 0))
        if len(own) > 0:
            shares = images.largest_share[own]
            size[own] = np.searchsorted(np.quantile(shares, (1 / 3, 2 / 3)), shares, side="left")
    code = (images.dataset * np.int64(len(images.classes)) + images.subject_class) * len(names) + size
    _, first, number = np.unique(code, return_index=True, return_inverse=True)
    found = [
        Stratum(images.names[images.dataset[row]], images.classes[images.subject_class[row]], names[size[row]])
        for row in first.tolist()
    ]
    order = sorted(range(len(found)), key=found.__getitem__)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place[number], tuple(found[at] for at in order)
