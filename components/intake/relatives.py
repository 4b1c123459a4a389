"""Records to clusters of relatives that must stay on one side: same group, same pixels, or near copies.

Near copies are found by a perceptual hash and then proved on pixels: two images whose 64-bit difference hashes
differ in at most `HASH_DISTANCE` bits are candidates, and relatives if their fine structure correlates by at least
`MIN_CORRELATION`. Speckle is like a fingerprint: two looks at different tissue don't share it, while copies, other
calipers, other gain or a small crop of one frame do. Works within and across datasets. Leaves out: deciding sides
(components/intake/split.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from components.intake.harmonised import load_image
from components.types import Record

Key = tuple[str, str]
"""(dataset, image_id)."""

# Measured on BUSI phantoms with known copies and on real BUSI samples: copies correlate by 0.75 to 1.0, unrelated
# candidates by at most 0.23; crops of 8 % a side move the hash by up to 17 bits.
HASH_DISTANCE = 18
MIN_CORRELATION = 0.40
# Fine structure is the grey image minus its blur; coarse anatomy is alike in too many frames. It is compared at a
# common scale (a cut copy keeps it) and stretched to a square (a resized copy doesn't).
MAX_SIDE_PX, SQUARE_PX, SIGMA_PX = 384, 192, 3.0
PATCH_SHARE = 0.6
_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Join:
    """Two images of different groups that belong together, why, and by which correlation (1 for equal pixels)."""

    first: Key
    second: Key
    reason: Literal["same pixels", "near copy"]
    correlation: float


@dataclass(frozen=True, slots=True)
class Relatives:
    """For each image the name of its cluster, and the joins that go beyond the groups of the contracts."""

    cluster: Mapping[Key, str]
    joins: tuple[Join, ...]


def find_relatives(datasets: Mapping[str, Sequence[Record]]) -> Relatives:
    """Join all records of all datasets by group, equal pixels and near copies.

    A cluster is named `dataset/group` after the first, by name, of the groups that it joins.
    """
    records = [record for name in sorted(datasets) for record in datasets[name]]
    parents: dict[str, str] = {_node(record): _node(record) for record in records}
    joins: list[Join] = []
    for first, second, reason, correlation in _related_pairs(records):
        if _node(first) != _node(second):
            joins.append(Join(_key(first), _key(second), reason, round(correlation, 4)))
            _union(parents, _node(first), _node(second))
    return Relatives({_key(record): _root(parents, _node(record)) for record in records}, tuple(joins))


def _related_pairs(
    records: Sequence[Record],
) -> Iterator[tuple[Record, Record, Literal["same pixels", "near copy"], float]]:
    first_with: dict[str, Record] = {}
    for record in records:
        known = first_with.setdefault(record.pixels_md5, record)
        if known is not record:
            yield known, record, "same pixels", 1.0
    hashed = [record for record in records if record.perceptual_hash is not None]
    hashes = np.array([int(record.perceptual_hash or "0", 16) for record in hashed], dtype=np.uint64)
    for i, j in near_hashes(hashes):
        first, second = hashed[i], hashed[j]
        if _node(first) == _node(second) or first.pixels_md5 == second.pixels_md5:
            continue
        correlation = fine_correlation(first, second)
        if correlation >= MIN_CORRELATION:
            yield first, second, "near copy", correlation


def near_hashes(hashes: NDArray[np.uint64], *, distance: int = HASH_DISTANCE) -> Iterator[tuple[int, int]]:
    """Pairs i < j of 64-bit hashes (N) that differ in at most `distance` bits, compared in chunks of rows."""
    words = hashes[:, None].view(np.uint8)  # N 8
    for start in range(0, len(hashes), _CHUNK):
        differing = words[start : start + _CHUNK, None, :] ^ words[None, start:, :]  # rows N-start 8
        bits = _BITS[differing].sum(axis=2, dtype=np.uint8)
        for row, column in np.argwhere(bits <= distance).tolist():
            if column > row:
                yield start + row, start + column


_BITS = np.array([value.bit_count() for value in range(256)], dtype=np.uint8)


def fine_correlation(first: Record, second: Record) -> float:
    """The largest normalised correlation of two images' fine structure, -1 to 1.

    The middle of the smaller image (`PATCH_SHARE` of each side) is looked for in the larger one, once with both
    shrunk by the same power of two to at most `MAX_SIDE_PX`, and once with both stretched to the same square.
    """
    longest = max(first.height_px, first.width_px, second.height_px, second.width_px)
    level = ((longest - 1) // MAX_SIDE_PX).bit_length()
    return max(_best_match(_fine(first, level), _fine(second, level)), _best_match(_fine(first), _fine(second)))


def _best_match(scene: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    if scene.size < other.size:
        scene, other = other, scene
    height, width = (int(min(a, b) * PATCH_SHARE) for a, b in zip(scene.shape, other.shape, strict=True))
    top, left = (other.shape[0] - height) // 2, (other.shape[1] - width) // 2
    patch = np.ascontiguousarray(other[top : top + height, left : left + width])
    if patch.std() == 0 or scene.std() == 0:
        return 0.0
    return float(cv2.matchTemplate(scene, patch, cv2.TM_CCOEFF_NORMED).max())


@lru_cache(maxsize=4096)  # 100 KB each at most, so 400 MB
def _fine(record: Record, level: int | None = None) -> NDArray[np.uint8]:
    """An image's fine structure around 128, shrunk by 2 to the `level`, or stretched to a square where that is None."""
    grey = cv2.cvtColor(load_image(record), cv2.COLOR_RGB2GRAY).astype(np.float32)
    size = (SQUARE_PX, SQUARE_PX) if level is None else (max(8, grey.shape[1] >> level), max(8, grey.shape[0] >> level))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    detail = small - cv2.GaussianBlur(small, (0, 0), SIGMA_PX)
    return np.clip(np.rint(detail + 128), 0, 255).astype(np.uint8)


def _key(record: Record) -> Key:
    return record.dataset, record.image_id


def _node(record: Record) -> str:
    return f"{record.dataset}/{record.group}"


def _root(parents: dict[str, str], node: str) -> str:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


def _union(parents: dict[str, str], first: str, second: str) -> None:
    roots = sorted((_root(parents, first), _root(parents, second)))
    parents[roots[1]] = roots[0]
