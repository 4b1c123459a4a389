"""Perceptual hashes to the pairs of images that share a key: candidates for near copies, without comparing all pairs.

All keys are sorted; images with the same key stand beside each other then. That costs n log n for n images. In a
bucket of up to `WHOLE_BUCKET` images all pairs are taken, so that a pair there depends on no other image. In a larger
one (burnt-in words that thousands of frames show, a still object in a long video) `PER_GROUP` images stand for their
group, and if there are too many still, each is paired with the next `CHAIN` only, or, between two sides, with `CHAIN`
of the other side: pairs stay a fixed number an image.
Work goes on in parts of the keys, each with its own share of the memory. Leaves out: the keys themselves
(perceptual_hash.py) and the proof on pixels (relatives.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from components.intake.likeness.perceptual_hash import KEY_BITS, TEXT_CHARS, Keys, keys_of_text

WHOLE_BUCKET, CHAIN, PER_GROUP = 16, 2, 4
_PART_BITS = 4
_BLOCK = 10_000  # images whose texts are decoded at once

Index = NDArray[np.int64]


def pairs_sharing_keys(hashes: Sequence[str | None], groups: Index, *, sides: Index | None = None) -> Iterator[Index]:
    """Pairs (i, j), i < j, of images of different groups that share a key: arrays (pairs 2), each sorted.

    `groups` (n) are the numbers of the images' groups; with `sides` (n), 0 or 1, only pairs of different sides are
    taken. A pair that shares keys of several parts comes several times.
    """
    keys, images = _postings(hashes)
    parts = (keys >> np.uint64(KEY_BITS - _PART_BITS)).astype(np.uint8)
    for part in range(2**_PART_BITS):
        chosen = parts == part
        shared = _in_buckets(keys[chosen], images[chosen], groups)
        if shared is not None:
            yield _pairs(*shared, apart_by=groups if sides is None else sides, two_sides=sides is not None)


def _postings(hashes: Sequence[str | None]) -> tuple[Keys, NDArray[np.int32]]:
    """Every key of every image, and whose it is."""
    counts = np.array([len(one or "") // TEXT_CHARS for one in hashes], dtype=np.int64)
    keys = np.empty(counts.sum(), dtype=np.uint64)
    filled = 0
    for start in range(0, len(hashes), _BLOCK):
        block = keys_of_text("".join(one or "" for one in hashes[start : start + _BLOCK]))
        keys[filled : filled + len(block)] = block
        filled += len(block)
    return keys, np.repeat(np.arange(len(hashes), dtype=np.int32), counts)


def _in_buckets(keys: Keys, images: NDArray[np.int32], groups: Index) -> tuple[Keys, NDArray[np.int32]] | None:
    """The keys that several images have, and these images, by key, group and image; large buckets are thinned."""
    order = np.argsort(keys, kind="stable")
    keys, images = keys[order], images[order]
    if len(keys) < 2:
        return None
    same = keys[1:] == keys[:-1]
    several = np.concatenate([same, [False]]) | np.concatenate([[False], same])
    keys, images = keys[several], images[several]
    if len(keys) == 0:
        return None
    order = np.lexsort((images, groups[images], keys))
    keys, images = keys[order], images[order]
    own = groups[images]
    new_key = np.concatenate([[True], keys[1:] != keys[:-1]])
    _, in_bucket = _rank_and_size(new_key)
    rank, size = _rank_and_size(new_key | np.concatenate([[True], own[1:] != own[:-1]]))
    # Evenly spaced in the group: where the rank's share of PER_GROUP takes a step.
    stands = (size <= PER_GROUP) | ((rank + 1) * PER_GROUP // size > rank * PER_GROUP // size)
    kept = (in_bucket <= WHOLE_BUCKET) | stands
    return keys[kept], images[kept]


def _rank_and_size(first: NDArray[np.bool_]) -> tuple[Index, Index]:
    """For runs that begin where `first` is true: each element's place in its run, and its run's length."""
    starts = np.flatnonzero(first)
    sizes = np.diff(np.append(starts, len(first)))
    return np.arange(len(first)) - np.repeat(starts, sizes), np.repeat(sizes, sizes)


def _pairs(keys: Keys, images: NDArray[np.int32], *, apart_by: Index, two_sides: bool) -> Index:
    first = np.concatenate([[True], keys[1:] != keys[:-1]])
    rank, size = _rank_and_size(first)
    count = len(apart_by)
    codes = [np.zeros(0, dtype=np.int64)]
    for step in range(1, WHOLE_BUCKET):
        taken = (rank + step < size) & ((size <= WHOLE_BUCKET) | (step <= CHAIN and not two_sides))
        at = np.flatnonzero(taken)
        one, other = images[at].astype(np.int64), images[at + step].astype(np.int64)
        apart = apart_by[one] != apart_by[other]
        one, other = one[apart], other[apart]
        codes.append(np.minimum(one, other) * count + np.maximum(one, other))
    if two_sides:
        large = size > WHOLE_BUCKET
        one, other = _across(keys[large], images[large].astype(np.int64), apart_by)
        codes.append(np.minimum(one, other) * count + np.maximum(one, other))
    unique = np.unique(np.concatenate(codes))
    return np.stack(np.divmod(unique, count), axis=1)


def _across(keys: Keys, images: Index, sides: Index) -> tuple[Index, Index]:
    """For each image of a bucket `CHAIN` of the other side's, spread over all of them: two arrays, pair by pair."""
    order = np.lexsort((sides[images], keys))
    keys, images = keys[order], images[order]
    new_key = np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)]
    place, whole = _rank_and_size(new_key)
    own = sides[images]
    rank, size = _rank_and_size(new_key | np.concatenate([[True], own[1:] != own[:-1]])[: len(keys)])
    others = whole - size
    at = np.flatnonzero(others > 0)
    # A bucket's first side begins it, and the second follows.
    first_of_others = at - place[at] + np.where(own[at] == 0, size[at], 0)
    spread = rank[at] * others[at] // size[at]
    pairs = [(images[at], images[first_of_others + (spread + step) % others[at]]) for step in range(CHAIN)]
    return np.concatenate([one for one, _ in pairs]), np.concatenate([other for _, other in pairs])
