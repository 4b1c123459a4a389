"""An image and its truth to what may make an object easy or hard: its contrast to what surrounds it, and calipers.

Contrast is the contrast-to-noise ratio of ultrasound (Patterson and Foster, Ultrasonic Imaging 5, 1983): the difference
of the mean grey values of object and surroundings over the root of the sum of their variances. The surroundings are the
pixels around the object, no farther than makes a disc's ring as large as the disc, that belong to no object. Calipers
are what the finder of burnt-in marks sees; what it misses stands in docs/data.md. Leaves out: the subgroups themselves
(components/evaluation/comparing/subgroups.py).
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from components.intake.measuring.burnt_in import find_burnt_in
from components.types import Image, InstanceMask

# A ring of this width (in radii) around a disc has the disc's area.
RING_RADII = math.sqrt(2) - 1
LEAST_RING_PX = 2.0


def object_contrast(image: Image, instances: InstanceMask, index: int) -> float:
    """The contrast (from 0) of object `index` of an image (H W 3); NaN without surroundings, or where all is flat."""
    inside = instances == index  # H W
    area = int(np.count_nonzero(inside))
    if area == 0:
        return math.nan
    ring_px = max(LEAST_RING_PX, RING_RADII * math.sqrt(area / math.pi))
    rows, columns = _window(inside, math.ceil(ring_px))
    inside, others = inside[rows, columns], instances[rows, columns] > 0
    distance_px = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    around = (distance_px <= ring_px) & ~others
    grey = cv2.cvtColor(np.ascontiguousarray(image[rows, columns]), cv2.COLOR_RGB2GRAY).astype(np.float64)
    if not around.any():
        return math.nan
    noise = math.sqrt(float(grey[inside].var() + grey[around].var()))
    return abs(float(grey[inside].mean() - grey[around].mean())) / noise if noise else math.nan


def has_calipers(image: Image) -> bool:
    """Whether caliper crosses are seen in an image (H W 3)."""
    return find_burnt_in(image).crosses > 0


def _window(inside: np.ndarray, margin_px: int) -> tuple[slice, slice]:
    x, y, width, height = cv2.boundingRect(inside.astype(np.uint8))
    return (
        slice(max(0, y - margin_px), y + height + margin_px),
        slice(max(0, x - margin_px), x + width + margin_px),
    )
