"""Arrays become PNG and JPEG files; names and numbers become random streams.

Every random choice of a layout comes from `stream(dataset, seed, …)`, so no item depends on its neighbours.

Leaves out: where the tree lies and how it gets its final name; see `write`.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def stream(dataset: str, seed: int, *keys: int) -> np.random.Generator:
    """A generator of its own for each dataset, seed and keys (non-negative)."""
    return np.random.default_rng([zlib.crc32(dataset.encode()), seed, *keys])


def save_png(pixels: NDArray[np.uint8] | NDArray[np.bool_], path: Path) -> None:
    """Write a PNG: bool as 1-bit, H W as grey, H W 3 as RGB, H W 4 as RGBA."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels.astype(np.uint8) * 255).convert("1") if pixels.dtype == bool else None
    (picture or Image.fromarray(pixels)).save(path, compress_level=4)


def save_jpeg(pixels: NDArray[np.uint8], path: Path, *, quality: int) -> None:
    """Write a JPEG, grey or RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=quality)


def rgb(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey as three equal channels (H W 3)."""
    return np.repeat(grey[..., None], 3, axis=2)
