"""Perceptual hashes to the pairs of images that share a key: candidates for near copies, without comparing all pairs.

All keys are sorted; images with the same key, a bucket, stand beside each other then. That costs n log n for n images.
In a bucket of up to `WHOLE_BUCKET` images all pairs are taken, so that a pair there depends on no other image. In a
larger one (burnt-in words that thousands of frames show, a still object in a long video) the images are ordered by the
digests of their pixels, and taken are

- all pairs among the first `WHOLE_BUCKET`;
- where the `PER_GROUP` first images of a group stand for it, all pairs among the first `WHOLE_BUCKET` of these, and
  each of these with the images that begin the first `CHAIN` other groups, or, between two sides, the other side's.

No choice of fewer than all pairs can keep every pair when images come: two images alone must be a pair, so all pairs
of a bucket would have to stay. What this one keeps: an image that comes takes a pair of one key away only if its
digest comes before that of the pair's later image (tests/components/intake/likeness/test_shared_keys.py). Digests
follow no order of names, so of a bucket of n images the next one takes the place of a first one in about `CHAIN` of n
cases.

Of the pairs taken those stay whose signs in the ring around a shared key differ in at most `MAX_RING_APART`. What
agrees by chance differs in more, and would grow with the square of the number of images: of 100,000 images of speckle
7,526 pairs share a key, and 83 its ring (benchmarks/near_copies.py). Keys stand on the disk in parts, of which one is
held at a time. Leaves out: the keys themselves (perceptual_hash.py) and the proof on pixels (proof.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from components.intake.likeness.perceptual_hash import (
    KEY_BITS,
    MAX_RING_APART,
    TEXT_CHARS,
    Keys,
    Rings,
    keys_of_text,
)
from components.stored_list import StoredList
from components.texts import Texts

WHOLE_BUCKET, CHAIN, PER_GROUP = 16, 2, 4
_PART_BITS = 6
_PARTS = 2**_PART_BITS
_BLOCK = 1000  # images whose texts are decoded at once

Index = NDArray[np.int64]
_Postings = tuple[Keys, Rings, NDArray[np.int32]]
"""Keys, the signs of their rings, and the numbers of the images that have them."""


def pairs_sharing_keys(
    hashes: Iterable[str | None], groups: Index, digests: Sequence[str] | Texts, *, sides: Index | None = None
) -> Index:
    """Pairs (i, j), i < j, of images of different groups that share a key, each once: (pairs 2), sorted.

    `groups` (n) are the numbers of the images' groups, `digests` (n) those of their pixels; with `sides` (n), 0 or 1,
    only pairs of different sides are taken. `hashes` (n) are gone through once.
    """
    count = len(groups)
    places = np.empty(count, dtype=np.int64)
    places[(digests if isinstance(digests, Texts) else Texts(digests)).order()] = np.arange(count)
    stored = _by_part(hashes)
    codes = [np.zeros(0, dtype=np.int64)]
    for part in range(_PARTS):
        postings = _of_part(stored, part)
        found = [
            np.minimum(one, other) * count + np.maximum(one, other)
            for one, other in _pairs_of(*postings, places=places, groups=groups, sides=sides)
        ]
        codes.append(np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *found])))
    return np.stack(np.divmod(np.unique(np.concatenate(codes)), max(count, 1)), axis=1)


def _by_part(hashes: Iterable[str | None]) -> StoredList[_Postings]:
    """What a block of images has in each part of the keys, part by part, block by block."""
    stored: StoredList[_Postings] = StoredList()
    coming, first = iter(hashes), 0
    while block := list(islice(coming, _BLOCK)):
        keys, rings = keys_of_text("".join(one or "" for one in block))
        counts = [len(one or "") // TEXT_CHARS for one in block]
        images = np.repeat(np.arange(first, first + len(block), dtype=np.int32), counts)
        begins = (keys >> np.uint64(KEY_BITS - _PART_BITS)).astype(np.int64)
        order = np.argsort(begins, kind="stable")
        ends = np.searchsorted(begins[order], np.arange(1, _PARTS))
        for places in np.split(order, ends):
            stored.append((keys[places], rings[places], images[places]))
        first += len(block)
    return stored


def _of_part(stored: StoredList[_Postings], part: int) -> _Postings:
    """All that `_by_part` put into one part, sorted by key; of keys that one image alone has, nothing."""
    held = list(stored[part::_PARTS])
    if not held:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int32)
    keys = np.concatenate([one[0] for one in held])
    order = np.argsort(keys, kind="stable")
    same = keys[order[1:]] == keys[order[:-1]]
    several = np.concatenate([same, [False]]) | np.concatenate([[False], same])
    order = order[several[: len(order)]]
    return keys[order], np.concatenate([one[1] for one in held])[order], np.concatenate([one[2] for one in held])[order]


def _pairs_of(
    keys: Keys, rings: Rings, images: NDArray[np.int32], *, places: Index, groups: Index, sides: Index | None
) -> Iterator[tuple[Index, Index]]:
    """The pairs of sorted postings, as two arrays at a time; a pair may come several times."""
    if len(keys) == 0:
        return
    order = np.lexsort((places[images], keys))
    keys, rings, members = keys[order], rings[order], images[order].astype(np.int64)
    apart_by = groups if sides is None else sides
    for one, other in _taken(keys, members, groups=groups, sides=sides):
        stays = (apart_by[members[one]] != apart_by[members[other]]) & _rings_agree(rings[one], rings[other])
        yield members[one[stays]], members[other[stays]]


def _rings_agree(one: Rings, other: Rings) -> NDArray[np.bool_]:
    return np.bitwise_count(one ^ other) <= MAX_RING_APART


def _taken(keys: Keys, members: Index, *, groups: Index, sides: Index | None) -> Iterator[tuple[Index, Index]]:
    """The places of the pairs to look at in ordered buckets: all of small ones, the first of large ones."""
    every = np.arange(len(keys))
    yield from _among_first(keys, every)
    _, size = _rank_and_size(keys)
    large = every[size > WHOLE_BUCKET]
    of_group = _rank_in_group(keys[large], groups[members[large]])
    stands, of_group = large[of_group < PER_GROUP], of_group[of_group < PER_GROUP]
    yield from _among_first(keys[stands], stands)
    yield from _with_first(keys[stands], members[stands], stands, of_group == 0, groups=groups, sides=sides)


def _among_first(keys: Keys, at_all: Index) -> Iterator[tuple[Index, Index]]:
    """All pairs among the `WHOLE_BUCKET` first of each ordered bucket."""
    rank, size = _rank_and_size(keys)
    for step in range(1, WHOLE_BUCKET):
        at = np.flatnonzero(rank + step < np.minimum(size, WHOLE_BUCKET))
        yield at_all[at], at_all[at + step]


def _rank_and_size(*runs: NDArray[np.generic]) -> tuple[Index, Index]:
    """For runs of equal values (of all arrays at once): each element's place in its run, and its run's length."""
    if len(runs[0]) == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    new = np.logical_or.reduce([one[1:] != one[:-1] for one in runs])
    starts = np.flatnonzero(np.concatenate([[True], new]))
    sizes = np.diff(np.append(starts, len(runs[0])))
    return np.arange(len(runs[0])) - np.repeat(starts, sizes), np.repeat(sizes, sizes)


def _rank_in_group(keys: Keys, own: Index) -> Index:
    """The place of each image of ordered buckets among those of its group there."""
    order = np.lexsort((own, keys))  # stable: within a group the order stays
    rank = np.empty(len(keys), dtype=np.int64)
    rank[order], _ = _rank_and_size(keys[order], own[order])
    return rank


def _with_first(
    keys: Keys,
    members: Index,
    at_all: Index,
    begins_group: NDArray[np.bool_],
    *,
    groups: Index,
    sides: Index | None,
) -> Iterator[tuple[Index, Index]]:
    """Each image of an ordered bucket with the images that begin the first `CHAIN` other groups, of the other side."""
    rank, _ = _rank_and_size(keys)
    bucket = 2 * np.cumsum(rank == 0)
    own = np.zeros(len(keys), dtype=np.int64) if sides is None else sides[members]
    wanted = bucket + (own if sides is None else 1 - own)
    order = np.argsort((bucket + own)[begins_group], kind="stable")
    first, codes = np.flatnonzero(begins_group)[order], (bucket + own)[begins_group][order]
    start, end = np.searchsorted(codes, wanted, side="left"), np.searchsorted(codes, wanted, side="right")
    taken = np.zeros(len(keys), dtype=np.int64)
    for step in range(CHAIN + 1):  # one of these may begin an image's own group
        at = np.flatnonzero((start + step < end) & (taken < CHAIN))
        one, other = at, first[start[at] + step]
        apart = groups[members[one]] != groups[members[other]]
        taken[at[apart]] += 1
        yield at_all[one[apart]], at_all[other[apart]]
