"""A file's frame to pixels, what the file says of it, and the id by which it is known.

Leaves out: the network (predictor.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from components.audit.pixels import pixels_sha256
from components.formats import Region, Source
from components.preprocess import PREPROCESS_VERSION
from components.types import Image


@dataclass(frozen=True, slots=True)
class Seen:
    """The digest of an image's pixels, which frame of how many it is, and the scales that its file states."""

    pixels_sha256: str
    frame: int = 0
    frames: int = 1
    regions: tuple[Region, ...] = ()


def see(source: Source, frame: int) -> tuple[Image, Seen]:
    """Decode a frame (H W 3) of a file, and keep what is said of it.

    Raises
    ------
    ImageError
        If the file has no such frame, or it can't be decoded.
    """
    image = source.frame(frame)
    return image, Seen(pixels_sha256(image), frame, source.frames, source.regions)


def image_id(seen: Seen, *, model_digest: str, runtime: str) -> str:
    """The sha256 of all that an answer about an image depends on: it never stands for other pixels or another model.

    That is the digest of its size and pixels, its frame of how many, the version of the preprocessing, the digest of
    the weights, what runs them, and all that the file says of its scales: equal pixels of another scale are
    measured otherwise, and an answer tells which words of the file it goes by.
    """
    regions = [(each.box, each.x_mm, each.y_mm, each.source, each.why) for each in seen.regions]
    said = f"pixels {seen.pixels_sha256} frame {seen.frame} of {seen.frames} regions {regions}"
    key = f"sonoforge {said} preprocess {PREPROCESS_VERSION} weights {model_digest} by {runtime}\n"
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
