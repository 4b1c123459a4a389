"""Pairs that share a key: all of them in small buckets, a fixed number an image in large ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.intake.likeness.perceptual_hash import keys_to_text
from components.intake.likeness.shared_keys import CHAIN, PER_GROUP, WHOLE_BUCKET, pairs_sharing_keys


def found(keys: list[list[int]], groups: list[int], sides: list[int] | None = None) -> set[tuple[int, int]]:
    """The pairs of images with these keys."""
    texts = [keys_to_text(np.array(sorted(set(one)), dtype=np.uint64)) or None for one in keys]
    numbers = np.array(groups, dtype=np.int64)
    parts = pairs_sharing_keys(texts, numbers, sides=None if sides is None else np.array(sides, dtype=np.int64))
    return {(i, j) for pairs in parts for i, j in pairs.tolist()}


# Keys of few values, spread over all parts, so that many are shared.
some_keys = st.lists(st.integers(0, 30).map(lambda value: value << 43 | value), max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(some_keys, st.integers(0, 8)), max_size=WHOLE_BUCKET))
def test_all_pairs_of_small_buckets_that_share_a_key_and_no_group(images: list[tuple[list[int], int]]) -> None:
    keys, groups = [one for one, _ in images], [group for _, group in images]
    pairs = [(i, j) for j in range(len(images)) for i in range(j) if groups[i] != groups[j]]
    assert found(keys, groups) == {(i, j) for i, j in pairs if set(keys[i]) & set(keys[j])}


def test_a_pair_does_not_depend_on_other_images() -> None:
    keys = [[5, 9], [9, 11], [5, 77]]
    more = [[k * 1000, 9] for k in range(1, 10)]
    assert found(keys, [0, 1, 2]) == {(0, 1), (0, 2)} <= found(keys + more, list(range(12)))


def test_a_key_that_thousands_have_gives_a_fixed_number_of_pairs_an_image() -> None:
    count = 5000
    pairs = found([[7]] * count, list(range(count)))
    assert len(pairs) <= CHAIN * count
    assert {(k, k + 1) for k in range(count - 1)} <= pairs, "a chain joins them all"


def test_a_few_images_stand_for_a_group() -> None:
    video, other = [[7]] * 1000, [[7], [7]]
    pairs = found(video + other, [0] * 1000 + [1, 2])
    assert len(pairs) == 2 * PER_GROUP + 1
    standing = sorted({i for i, j in pairs if j == 1000})
    assert standing[0] < 300 and standing[-1] == 999, "spread over the video"


def test_a_growing_group_takes_no_pair_of_a_small_bucket_away() -> None:
    for frames in range(1, WHOLE_BUCKET):
        assert found([[7]] * frames + [[7]], [0] * frames + [1]) == {(k, frames) for k in range(frames)}


def test_only_pairs_across_sides() -> None:
    assert found([[1], [1], [1], [1]], [0, 1, 2, 3], sides=[0, 0, 1, 1]) == {(0, 2), (0, 3), (1, 2), (1, 3)}


@pytest.mark.parametrize(("first", "second"), [(40, 40), (200, 3), (3, 200), (1, 30), (30, 0)])
def test_every_image_of_a_large_bucket_meets_the_other_side(first: int, second: int) -> None:
    count = first + second
    pairs = found([[7]] * count, list(range(count)), sides=[0] * first + [1] * second)
    assert all(i < first <= j for i, j in pairs)
    assert len(pairs) <= CHAIN * count
    for side, others in ((range(first), second), (range(first, count), first)):
        for image in side:
            assert sum(image in pair for pair in pairs) >= min(CHAIN, others)


def test_two_large_buckets_stay_apart() -> None:
    keys = [[7]] * 40 + [[8]] * 40
    pairs = found(keys, list(range(80)), sides=[k % 2 for k in range(80)])
    assert pairs and all((i < 40) == (j < 40) and i % 2 != j % 2 for i, j in pairs)


@pytest.mark.parametrize("keys", [[], [[]], [[], []], [[1]], [[1], [2]]])
def test_nothing_shared(keys: list[list[int]]) -> None:
    assert found(keys, list(range(len(keys)))) == set()
