"""A file's frame to pixels, what the file says of it, and the id by which it is known.

Leaves out: the network (predictor.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from components.formats import Region
from components.preprocess import PREPROCESS_VERSION
from components.types import Image


@dataclass(frozen=True, slots=True)
class Seen:
    """Which frame of how many an image is, and the scales that its file states."""

    frame: int = 0
    frames: int = 1
    regions: tuple[Region, ...] = ()


def image_id(image: Image, seen: Seen, *, model_digest: str) -> str:
    """The sha256 of all that an answer about an image depends on: it never stands for other pixels or another model.

    That is its size and pixels (H W 3), the version of the preprocessing, the digest of the weights, and what the file
    says of it: equal pixels of another scale are measured otherwise.
    """
    height_px, width_px = image.shape[:2]
    said = f"frame {seen.frame} of {seen.frames} regions {[(each.box, each.x_mm, each.y_mm) for each in seen.regions]}"
    key = f"sonoforge {height_px}x{width_px} {said} preprocess {PREPROCESS_VERSION} weights {model_digest}\n"
    digest = hashlib.sha256(key.encode("utf-8"))
    digest.update(image.data)
    return digest.hexdigest()
