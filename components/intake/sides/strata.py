"""Records to strata: within each dataset by class, and by size of the object.

Size is the share of the frame that an image's largest object covers, since all frames become one size before a model
sees them; its terciles are those of the dataset's own images. Leaves out: dividing strata among sides (assignment.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.intake.sides.relatives import Key
from components.types import Record

NO_OBJECT, SIZES = "no object", ("small", "medium", "large")
NO_CLASS = ""


@dataclass(frozen=True, slots=True, order=True)
class Stratum:
    """A dataset's images of one class (`NO_CLASS` where the authors give none) and one size."""

    dataset: str
    subject_class: str
    size: str


def strata_of(datasets: Mapping[str, Sequence[Record]]) -> dict[Key, Stratum]:
    """The stratum of each image."""
    return {key: stratum for name, records in datasets.items() for key, stratum in _strata(name, records)}


def _strata(name: str, records: Sequence[Record]) -> Iterator[tuple[Key, Stratum]]:
    shares = np.array([_largest_share(record) for record in records], dtype=np.float64)
    limits = np.quantile(shares[shares > 0], (1 / 3, 2 / 3)) if (shares > 0).any() else np.zeros(2)
    terciles = np.searchsorted(limits, shares, side="left")
    known: dict[Stratum, Stratum] = {}
    for record, share, tercile in zip(records, shares.tolist(), terciles.tolist(), strict=True):
        size = SIZES[tercile] if share > 0 else NO_OBJECT
        stratum = Stratum(name, record.subject_class or NO_CLASS, size)
        yield (name, record.image_id), known.setdefault(stratum, stratum)


def _largest_share(record: Record) -> float:
    largest_px = max((one.area_px for one in record.objects), default=0)
    return largest_px / (record.height_px * record.width_px)
