"""The few nouns that all rooms share: records of images, prompts, predictions, faults.

Pixel coordinates everywhere: origin at the top left corner of the top left pixel, x right, y down; boxes are
x0 y0 x1 y1, half-open, so that a one-pixel object at the origin has the box (0, 0, 1, 1).

Leaves out: how anything is read, drawn or computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""H W 3, uint8, RGB; grey images carry three equal channels."""
Mask = NDArray[np.bool_]
"""H W, bool."""
InstanceMask = NDArray[np.uint8]
"""H W, uint8; 0 is background, k the k-th object of the image (objects don't overlap)."""

BoxXyxy = tuple[float, float, float, float]
Role = Literal["internal", "external"]
Severity = Literal["error", "warning", "info"]
Exposure = Literal["yes", "no", "unknown"]
"""Whether a model saw images of a dataset (or of its patients) before it was tested on it."""
Verdict = Literal["accepted", "edited", "rejected"]
"""What a person made of an outline."""


class Span(NamedTuple):
    """Where one stored file lies within a larger one, in bytes, and the CRC-32 of its bytes."""

    offset_bytes: int
    size_bytes: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Point:
    """A click at (x, y) in pixels: on the object where `positive`, else beside it."""

    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """What a person says about one object: a box, clicks, a previous mask of it, or several of them. At least one.

    `mask` (H W, bool) has the image's own size, and isn't changed once it is here. Prompts with the same pixels are
    equal.
    """

    box_xyxy: BoxXyxy | None = None
    points: tuple[Point, ...] = ()
    mask: Mask | None = None

    def __eq__(self, other: object) -> bool:
        # dataclass's own would ask an array whether it is true.
        if not isinstance(other, Prompt):
            return NotImplemented
        if (self.box_xyxy, self.points) != (other.box_xyxy, other.points):
            return False
        if self.mask is None or other.mask is None:
            return self.mask is other.mask
        return self.mask is other.mask or np.array_equal(self.mask, other.mask)

    def __hash__(self) -> int:
        # Of the mask only whether there is one: pixels are many, and prompts that differ in them alone are rare.
        return hash((self.box_xyxy, self.points, self.mask is None))


@dataclass(frozen=True, slots=True)
class Prediction:
    """One object's mask at the image's own size, and the model's own estimate of its IoU (0 to 1)."""

    mask: Mask
    quality: float


@dataclass(frozen=True, slots=True)
class ObjectTruth:
    """One annotated object of a harmonised image.

    `index` is its value in the image's instance mask, `label` its anatomical name by the contract, `box_xyxy`
    its tight half-open box in pixels, `area_px` its pixel count.
    """

    index: int
    label: str
    box_xyxy: tuple[int, int, int, int]
    area_px: int


@dataclass(frozen=True, slots=True)
class Record:
    """One image of a harmonised dataset: a row of its manifest.

    `image_id` is unique within the dataset, `group` the key (patient, video, scene) that must never cross a
    split. `image_path` and `mask_path` are the files that hold its PNGs (RGB or grey; instance mask) at `image_span`
    and `mask_span`; without a span the whole file is the PNG. `pixels_md5` is the digest of the decoded pixels.
    `spacing_mm` is (row, column) or None where the source doesn't state it.
    `scanner` and `site` are by what machine and where the image was taken, as the contract or its tables state.
    `official_split` is the split that the dataset's authors give, if any, `perceptual_hash` the hash
    of components/intake/likeness/perceptual_hash.py, by which near copies are found.
    """

    dataset: str
    image_id: str
    group: str
    role: Role
    image_path: Path
    mask_path: Path
    height_px: int
    width_px: int
    pixels_md5: str
    phantom: bool
    objects: tuple[ObjectTruth, ...] = ()
    subject_class: str | None = None
    official_split: str | None = None
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str | None = None
    flags: tuple[str, ...] = field(default=())
    perceptual_hash: str | None = None
    image_span: Span | None = None
    mask_span: Span | None = None
    scanner: str | None = None
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a dataset: which check, how bad, where, and what to do."""

    code: str
    severity: Severity
    dataset: str
    file: str
    found: str
    expected: str
    remedy: str
