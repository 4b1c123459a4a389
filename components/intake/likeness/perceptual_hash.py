"""An image to its perceptual hash: some eighty keys of small places in it, a few of which any near copy shares.

A place is a local extremum of the image's fine structure (speckle, edges), a key the signs of 48 differences between
points around it: what is brighter than what. Signs don't change with gain, contrast and mild compression, places
don't with a cut or with calipers elsewhere. Two kinds of scene are read: the image shrunk by a power of two, for copies
that were cut, and a small square, for copies that were resized and for neighbouring frames of one video. Of each scene
the keys that come first in a fixed shuffled order are kept (bottom-k sampling), so that two copies keep the same ones
whatever else they show. With each key stand the signs of 24 differences in a ring around it: among very many images
two places have the same key by chance, and their rings tell them apart. (Further signs within the disc would not: the
48 tell most of them.) Blobs and signs are the ideas of SIFT (Lowe 2004) and BRIEF (Calonder et al. 2010), the sampling
is Broder's (1997). Leaves out: finding images that share keys, and the proof on pixels (shared_keys.py, proof.py).
"""

from __future__ import annotations

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

from components.types import Image

KEY_BITS, RING_BITS = 48, 24
KEYS_NATIVE, KEYS_SQUARE = 32, 48
MAX_SIDE_PX, SQUARE_PX = 384, 96
# A copy that was cut may fall into the next finer level: images this little over a level's limit are read at both.
LEVEL_MARGIN = 1.2
# Measured on phantoms and real samples, with copies cut, resized, brightened, compressed: benchmarks/near_copies.py.
BLUR_PX, BACKGROUND_PX, APART_PX, RADIUS_PX = 1.5, 5.0, 4, 12
MIN_CONTRAST = 1.0
RING_PX = (12, 16)
# Of the 58,174 keys that 1,521 changed copies of 117 real images share with them, 99.9 % differ in at most four signs
# of the ring, and each copy has one that differs in three at most; of keys that agree by chance 1 % do.
MAX_RING_APART = 4
TEXT_CHARS = 12  # of base64 for one key and its ring; so hashes can be read one after another

Keys = NDArray[np.uint64]
Rings = NDArray[np.uint32]


def _pattern(bits: int, inner_px: float, outer_px: float, *, seed: int) -> NDArray[np.float32]:
    """Pairs of points of a ring or disc, at least 5 pixels apart: bits 2 xy, the same for ever."""
    rng = np.random.default_rng(seed)
    pairs: list[NDArray[np.float64]] = []
    while len(pairs) < bits:
        pair = rng.uniform(-outer_px, outer_px, (2, 2))
        radii_px = np.hypot(*pair.T)
        apart_px = np.hypot(*(pair[0] - pair[1]))
        if inner_px <= radii_px.min() and radii_px.max() <= outer_px and apart_px >= 5:
            pairs.append(pair)
    return np.array(pairs, dtype=np.float32)


_PATTERN = _pattern(KEY_BITS, 0, RADIUS_PX, seed=20)
_RING = _pattern(RING_BITS, *RING_PX, seed=21)


def perceptual_hash(image: Image) -> str:
    """The hash of an image (H W 3) as text, twelve characters of base64 a key; empty where nothing stands out."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    height_px, width_px = grey.shape
    longest_px = max(height_px, width_px)
    level = ((longest_px - 1) // MAX_SIDE_PX).bit_length()
    levels = [level]
    if level > 0 and longest_px <= LEVEL_MARGIN * MAX_SIDE_PX * 2 ** (level - 1):
        levels.append(level - 1)
    found = [
        _first_of(_shrunk(grey, (max(8, width_px >> one), max(8, height_px >> one))), _tag(one), KEYS_NATIVE)
        for one in levels
    ]
    found.append(_first_of(_shrunk(grey, (SQUARE_PX, SQUARE_PX)), _tag(-1), KEYS_SQUARE))
    return keys_to_text(np.concatenate([keys for keys, _ in found]), np.concatenate([rings for _, rings in found]))


def keys_to_text(keys: Keys, rings: Rings) -> str:
    """Keys as text, each (48 bits) with the signs of its ring (24 bits)."""
    key_bytes = np.ascontiguousarray(keys.astype(">u8")).view(np.uint8).reshape(-1, 8)[:, 2:]
    ring_bytes = np.ascontiguousarray(rings.astype(">u4")).view(np.uint8).reshape(-1, 4)[:, 1:]
    return base64.b64encode(np.concatenate([key_bytes, ring_bytes], axis=1).tobytes()).decode("ascii")


def keys_of_text(text: str) -> tuple[Keys, Rings]:
    """The keys of a hash, and the signs of their rings."""
    found = np.frombuffer(base64.b64decode(text), dtype=np.uint8).reshape(-1, (KEY_BITS + RING_BITS) // 8)
    keys, rings = np.zeros((len(found), 8), dtype=np.uint8), np.zeros((len(found), 4), dtype=np.uint8)
    keys[:, 2:], rings[:, 1:] = found[:, : KEY_BITS // 8], found[:, KEY_BITS // 8 :]
    return keys.reshape(-1).view(">u8").astype(np.uint64), rings.reshape(-1).view(">u4").astype(np.uint32)


def _shrunk(grey: NDArray[np.float32], size_wh: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(grey, size_wh, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _tag(scene: int) -> np.uint64:
    """A pattern of bits that keeps the keys of different scenes apart."""
    return np.uint64((0x9E3779B97F4A7C15 * (scene + 3)) % 2**KEY_BITS)


def _first(keys: Keys, count: int) -> Keys:
    """The `count` keys that come first in the shuffled order (a bijection of 64-bit numbers)."""
    unique = np.unique(keys)
    shuffled = unique * np.uint64(0xD6E8FEB86659FD93)
    shuffled ^= shuffled >> np.uint64(32)
    shuffled *= np.uint64(0xD6E8FEB86659FD93)
    shuffled ^= shuffled >> np.uint64(32)
    return unique[np.argsort(shuffled)[:count]]


def _first_of(scene: NDArray[np.float32], tag: np.uint64, count: int) -> tuple[Keys, Rings]:
    """The first `count` of a scene's keys, and the signs of their rings."""
    detail = cv2.GaussianBlur(scene, (0, 0), BLUR_PX) - cv2.GaussianBlur(scene, (0, 0), BACKGROUND_PX)
    places = np.concatenate([_extrema(detail, 1), _extrema(detail, -1)])  # places xy
    if len(places) == 0:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint32)
    unique, at = np.unique(_signs(detail, places, _PATTERN) ^ tag, return_index=True)
    keys = _first(unique, count)
    rings = _signs(detail, places[at[np.searchsorted(unique, keys)]], _RING)
    return keys, rings.astype(np.uint32)


def _signs(detail: NDArray[np.float32], places: NDArray[np.float32], pattern: NDArray[np.float32]) -> Keys:
    """Which point of each pair of the pattern is the brighter one, around each place (places xy), as a number."""
    points = places[:, None, None, :] + pattern  # places bits 2 xy
    x, y = (np.ascontiguousarray(points[..., axis]).reshape(len(places), -1) for axis in (0, 1))
    # A ring may reach beyond the edge, a disc doesn't.
    values = cv2.remap(detail, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(points.shape[:3])
    bits = np.zeros((len(places), 64), dtype=np.uint8)
    bits[:, 64 - len(pattern) :] = values[..., 0] > values[..., 1]
    return np.packbits(bits, axis=1).reshape(-1).view(">u8").astype(np.uint64)


def _extrema(detail: NDArray[np.float32], sign: int) -> NDArray[np.float32]:
    """Maxima (minima for `sign` -1) that stand out, refined below a pixel by a parabola: places xy."""
    signed = detail * sign
    around = np.ones((2 * APART_PX + 1, 2 * APART_PX + 1), dtype=np.uint8)
    peaks = (signed == cv2.dilate(signed, around)) & (signed > MIN_CONTRAST)
    margin = RADIUS_PX + 1
    inner = np.zeros_like(peaks)
    inner[margin:-margin, margin:-margin] = peaks[margin:-margin, margin:-margin]
    y, x = np.nonzero(inner)
    top = signed[y, x]
    shift_x = _parabola(signed[y, x - 1], top, signed[y, x + 1])
    shift_y = _parabola(signed[y - 1, x], top, signed[y + 1, x])
    return np.stack([x + shift_x, y + shift_y], axis=1).astype(np.float32)


def _parabola(before: NDArray[np.float32], top: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    bend = 2 * top - before - after
    return np.clip((after - before) / (2 * np.where(bend > 0, bend, np.inf)), -0.5, 0.5)
