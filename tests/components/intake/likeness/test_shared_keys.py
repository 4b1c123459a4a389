"""Pairs that share a key: all of them in small buckets, a fixed number an image in large ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.intake.likeness.perceptual_hash import MAX_RING_APART, RING_BITS, keys_to_text
from components.intake.likeness.shared_keys import CHAIN, PER_GROUP, WHOLE_BUCKET, pairs_sharing_keys


def text_of(keys: list[int], ring: int) -> str | None:
    """The hash of an image with these keys, all with the same ring."""
    several = np.array(sorted(set(keys)), dtype=np.uint64)
    return keys_to_text(several, np.full(len(several), ring, dtype=np.uint32)) or None


def found(
    keys: list[list[int]],
    groups: list[int],
    sides: list[int] | None = None,
    digests: list[str] | None = None,
    rings: list[int] | None = None,
) -> set[tuple[int, int]]:
    """The pairs of images with these keys; digests are in the images' order if none are given, rings are equal."""
    texts = [text_of(one, ring) for one, ring in zip(keys, rings or [5] * len(keys), strict=True)]
    named = digests or [f"{number:032x}" for number in range(len(keys))]
    pairs = pairs_sharing_keys(
        texts,
        np.array(groups, dtype=np.int64),
        named,
        sides=None if sides is None else np.array(sides, dtype=np.int64),
    ).tolist()
    assert pairs == sorted(pairs) and len({(i, j) for i, j in pairs}) == len(pairs)
    return {(i, j) for i, j in pairs}


def by_definition(
    keys: list[list[int]], groups: list[int], sides: list[int] | None, digests: list[str]
) -> set[tuple[int, int]]:
    """The same, bucket by bucket, as the module's docstring words it."""
    apart_by = groups if sides is None else sides
    pairs = set()
    for key in {key for one in keys for key in one}:
        bucket = sorted((k for k, one in enumerate(keys) if key in one), key=lambda k: (digests[k], k))
        pairs |= {(i, j) for i in bucket[:WHOLE_BUCKET] for j in bucket[:WHOLE_BUCKET] if apart_by[i] != apart_by[j]}
        if len(bucket) > WHOLE_BUCKET:
            of_group = {group: [k for k in bucket if groups[k] == group] for group in groups}
            standing = [k for k in bucket if k in of_group[groups[k]][:PER_GROUP]]
            some = standing[:WHOLE_BUCKET]
            pairs |= {(i, j) for i in some for j in some if apart_by[i] != apart_by[j]}
            begin = [k for k in bucket if k == of_group[groups[k]][0]]
            for i in standing:
                pairs |= {(i, j) for j in [j for j in begin if apart_by[j] != apart_by[i]][:CHAIN]}
    return {(min(pair), max(pair)) for pair in pairs}


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


@pytest.mark.parametrize("images", [2, 300])
def test_a_pair_whose_rings_differ_in_many_signs_agrees_by_chance(images: int) -> None:
    few, many = 2**MAX_RING_APART - 1, 2 ** (MAX_RING_APART + 1) - 1
    rings = [many] * images + [0, few]
    pairs = found([[7]] * len(rings), list(range(len(rings))), rings=rings)
    assert (images, images + 1) in pairs or images > 2, "in a large bucket the first ones stand for all"
    assert all(not (i < images and j == images) for i, j in pairs)
    assert {(0, k) for k in range(1, images)} | {(0, images + 1)} <= pairs


def test_one_of_several_shared_keys_suffices() -> None:
    whole = 2**RING_BITS - 1
    texts = [
        keys_to_text(np.array([3, 9], dtype=np.uint64), np.array(rings, dtype=np.uint32))
        for rings in ([0, whole], [whole, whole], [whole, 0])
    ]
    pairs = pairs_sharing_keys(texts, np.arange(3), ["a", "b", "c"])
    assert pairs.tolist() == [[0, 1], [1, 2]]


# Few keys, groups and sides, so that buckets grow large; digests in any order, some twice.
crowds = st.lists(
    st.tuples(
        st.lists(st.integers(0, 2).map(lambda value: value << 43 | 1), max_size=3),
        st.sampled_from([*range(6), *range(100, 160)]),
        st.integers(0, 1),
        st.integers(0, 200).map(lambda value: f"{value:032x}"),
    ),
    max_size=60,
)


def apart(
    images: list[tuple[list[int], int, int, str]], two: bool
) -> tuple[list[list[int]], list[int], list[int] | None, list[str]]:
    """Keys, groups, sides if there are `two`, and digests; no group has images of both sides."""
    groups = [2 * one[1] + one[2] if two else one[1] for one in images]
    return [one[0] for one in images], groups, [one[2] for one in images] if two else None, [one[3] for one in images]


@settings(deadline=None, max_examples=150)
@given(crowds, st.booleans())
def test_large_buckets_give_the_pairs_of_the_definition(
    images: list[tuple[list[int], int, int, str]], two: bool
) -> None:
    keys, groups, sides, digests = apart(images, two)
    assert found(keys, groups, sides, digests) == by_definition(keys, groups, sides, digests)


@settings(deadline=None, max_examples=150)
@given(crowds.filter(len), st.booleans())
def test_an_image_takes_a_pair_away_only_if_its_digest_comes_before_the_later_ones(
    images: list[tuple[list[int], int, int, str]], two: bool
) -> None:
    keys, groups, sides, digests = apart(images, two)
    with_last = found(keys, groups, sides, digests)
    without = found(keys[:-1], groups[:-1], sides and sides[:-1], digests[:-1])
    for one, other in without - with_last:
        assert digests[-1] < max(digests[one], digests[other])
        assert set(keys[-1]) & set(keys[one]) & set(keys[other])


def test_a_key_that_thousands_have_gives_a_fixed_number_of_pairs_an_image() -> None:
    count = 5000
    pairs = found([[7]] * count, list(range(count)))
    assert len(pairs) <= CHAIN * count + WHOLE_BUCKET**2
    assert {(0, k) for k in range(1, count)} <= pairs, "the first joins them all"


def test_a_few_images_stand_for_a_group() -> None:
    video, other = [[7]] * 1000, [[7], [7]]
    pairs = found(video + other, [0] * 1000 + [1, 2], digests=[f"{(k * 7919) % 1009:032x}" for k in range(1002)])
    assert len({i for i, j in pairs if j == 1000}) <= WHOLE_BUCKET + PER_GROUP
    assert (1000, 1001) in pairs and sum(j == 1000 for _, j in pairs) >= PER_GROUP


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
    assert len(pairs) <= CHAIN * count + WHOLE_BUCKET**2
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
