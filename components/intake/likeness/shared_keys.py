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
cases. Work goes on in parts of the keys, each with its own share of the memory. Leaves out: the keys themselves
(perceptual_hash.py) and the proof on pixels (proof.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from components.intake.likeness.perceptual_hash import KEY_BITS, TEXT_CHARS, Keys, keys_of_text

WHOLE_BUCKET, CHAIN, PER_GROUP = 16, 2, 4
_PART_BITS = 4
# The texts are read as often as that many bits have values, and each time the keys of one value are held.
_READING_BITS = 2
_BLOCK = 1000  # images whose texts are decoded at once

Index = NDArray[np.int64]


def pairs_sharing_keys(
    hashes: Iterable[str | None], groups: Index, digests: Sequence[str], *, sides: Index | None = None
) -> Index:
    """Pairs (i, j), i < j, of images of different groups that share a key, each once: (pairs 2), sorted.

    `groups` (n) are the numbers of the images' groups, `digests` (n) those of their pixels; with `sides` (n), 0 or 1,
    only pairs of different sides are taken. `hashes` (n) are gone through several times.
    """
    count = len(groups)
    places = np.empty(count, dtype=np.int64)
    places[sorted(range(count), key=digests.__getitem__)] = np.arange(count)
    codes = [np.zeros(0, dtype=np.int64)]
    for some in range(2**_READING_BITS):
        for keys, images in _postings(hashes, some):
            found = [
                np.minimum(one, other) * count + np.maximum(one, other)
                for one, other in _of_part(keys, images, places=places, groups=groups, sides=sides)
            ]
            codes.append(np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *found])))
    return np.stack(np.divmod(np.unique(np.concatenate(codes)), max(count, 1)), axis=1)


def _postings(hashes: Iterable[str | None], some: int) -> Iterator[tuple[Keys, NDArray[np.int32]]]:
    """Every key that begins with the bits `some`, and whose it is, in parts by the bits that follow."""
    parts: list[list[tuple[Keys, NDArray[np.int32]]]] = [[] for _ in range(2 ** (_PART_BITS - _READING_BITS))]
    coming, first = iter(hashes), 0
    while block := list(islice(coming, _BLOCK)):
        keys = keys_of_text("".join(one or "" for one in block))
        counts = [len(one or "") // TEXT_CHARS for one in block]
        images = np.repeat(np.arange(first, first + len(block), dtype=np.int32), counts)
        begins = (keys >> np.uint64(KEY_BITS - _PART_BITS)).astype(np.int64) - some * len(parts)
        for part, held in enumerate(parts):
            held.append((keys[begins == part], images[begins == part]))
        first += len(block)
    while parts:
        held = parts.pop(0)
        if held:
            yield np.concatenate([keys for keys, _ in held]), np.concatenate([images for _, images in held])


def _of_part(
    keys: Keys, images: NDArray[np.int32], *, places: Index, groups: Index, sides: Index | None
) -> Iterator[tuple[Index, Index]]:
    """The pairs of a part of the keys, as two arrays at a time; a pair may come several times."""
    order = np.argsort(keys, kind="stable")
    keys, images = keys[order], images[order]
    same = keys[1:] == keys[:-1]
    several = np.concatenate([same, [False]]) | np.concatenate([[False], same])
    keys, images = keys[several[: len(keys)]], images[several[: len(keys)]]
    if len(keys) == 0:
        return
    order = np.lexsort((places[images], keys))
    keys, members = keys[order], images[order].astype(np.int64)
    apart_by = groups if sides is None else sides
    yield from _among_first(keys, members, apart_by)
    _, size = _rank_and_size(keys)
    keys, members = keys[size > WHOLE_BUCKET], members[size > WHOLE_BUCKET]
    of_group = _rank_in_group(keys, groups[members])
    stands = of_group < PER_GROUP
    yield from _among_first(keys[stands], members[stands], apart_by)
    yield from _with_first(keys[stands], members[stands], of_group[stands] == 0, groups=groups, sides=sides)


def _among_first(keys: Keys, members: Index, apart_by: Index) -> Iterator[tuple[Index, Index]]:
    """All pairs among the `WHOLE_BUCKET` first of each ordered bucket."""
    rank, size = _rank_and_size(keys)
    for step in range(1, WHOLE_BUCKET):
        at = np.flatnonzero(rank + step < np.minimum(size, WHOLE_BUCKET))
        yield _apart(members[at], members[at + step], apart_by)


def _apart(one: Index, other: Index, apart_by: Index) -> tuple[Index, Index]:
    apart = apart_by[one] != apart_by[other]
    return one[apart], other[apart]


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
    keys: Keys, members: Index, begins_group: NDArray[np.bool_], *, groups: Index, sides: Index | None
) -> Iterator[tuple[Index, Index]]:
    """Each image of an ordered bucket with the images that begin the first `CHAIN` other groups, of the other side."""
    rank, _ = _rank_and_size(keys)
    bucket = 2 * np.cumsum(rank == 0)
    own = np.zeros(len(keys), dtype=np.int64) if sides is None else sides[members]
    wanted = bucket + (own if sides is None else 1 - own)
    order = np.argsort((bucket + own)[begins_group], kind="stable")
    first, codes = members[begins_group][order], (bucket + own)[begins_group][order]
    start, end = np.searchsorted(codes, wanted, side="left"), np.searchsorted(codes, wanted, side="right")
    taken = np.zeros(len(keys), dtype=np.int64)
    for step in range(CHAIN + 1):  # one of these may begin an image's own group
        at = np.flatnonzero((start + step < end) & (taken < CHAIN))
        one, other = members[at], first[start[at] + step]
        apart = groups[one] != groups[other]
        taken[at[apart]] += 1
        yield one[apart], other[apart]
