"""The perceptual hash: copies share keys whatever was done to them, other looks share none."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.intake.likeness.perceptual_hash import (
    KEY_BITS,
    KEYS_NATIVE,
    KEYS_SQUARE,
    MAX_RING_APART,
    MAX_SIDE_PX,
    RING_BITS,
    TEXT_CHARS,
    keys_of_text,
    keys_to_text,
    perceptual_hash,
)
from components.types import Image


def scene(seed: int, size_hw: tuple[int, int] = (360, 480)) -> Image:
    """Coarse anatomy and speckle of the seed's own."""
    rng = np.random.default_rng(seed)
    coarse = cv2.GaussianBlur(rng.normal(size=size_hw), (0, 0), 30)
    fine = cv2.GaussianBlur(rng.normal(size=size_hw), (0, 0), 1.5)
    grey = np.clip(coarse / coarse.std() * 35 + fine / fine.std() * 30 + 110, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def keys(image: Image) -> set[int]:
    return set(keys_of_text(perceptual_hash(image))[0].tolist())


def rings_apart(one: Image, other: Image) -> list[int]:
    """In how many signs the rings around the keys that two images share differ."""
    rings_of = [dict(zip(*keys_of_text(perceptual_hash(image)), strict=True)) for image in (one, other)]
    return [int(np.bitwise_count(rings_of[0][key] ^ rings_of[1][key])) for key in rings_of[0].keys() & rings_of[1]]


def compressed(image: Image) -> Image:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 70])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)


def with_calipers(image: Image) -> Image:
    marked = image.copy()
    marked[100:103, 80:400] = marked[80:300, 200:203] = 255
    return marked


def with_gain(image: Image) -> Image:
    return np.clip(image * 1.2 + 8, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "change",
    [
        with_gain,
        compressed,
        with_calipers,
        lambda image: np.ascontiguousarray(image[28:-28, 38:-38]),
        lambda image: np.ascontiguousarray(image[:-28, 30:]),
        lambda image: cv2.resize(image, (256, 256), interpolation=cv2.INTER_AREA),
        lambda image: cv2.resize(image, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC),
    ],
    ids=["gain", "jpeg", "calipers", "cut", "cut at a corner", "resized to a square", "enlarged"],
)
def test_copies_share_keys(change: Callable[[Image], Image]) -> None:
    for seed in range(5):
        apart = rings_apart(scene(seed), change(scene(seed)))
        assert len(apart) >= 2 and sum(signs <= MAX_RING_APART for signs in apart) >= 2


def test_other_looks_share_none() -> None:
    found = [keys(scene(seed)) for seed in range(12)]
    shared = [len(found[i] & found[j]) for i in range(12) for j in range(i)]
    assert sum(shared) == 0 and min(map(len, found)) > 40


def test_a_copy_that_a_cut_takes_below_a_levels_limit_shares_keys() -> None:
    image = scene(3, (300, MAX_SIDE_PX + 20))
    copy = np.ascontiguousarray(image[20:-20, 30:-30])
    assert copy.shape[1] < MAX_SIDE_PX
    # The square of a cut copy shows other things, so these are the native level's.
    assert len(keys(image) & keys(copy)) >= 3


def test_the_hash_is_bounded_and_the_same_each_time() -> None:
    text = perceptual_hash(scene(1))
    assert text == perceptual_hash(scene(1))
    assert 0 < len(text) <= TEXT_CHARS * (2 * KEYS_NATIVE + KEYS_SQUARE)


@pytest.mark.parametrize("size_hw", [(1, 1), (8, 600), (64, 64), (1200, 20)])
def test_flat_tiny_and_narrow_images_have_few_keys_or_none(size_hw: tuple[int, int]) -> None:
    assert perceptual_hash(np.full((*size_hw, 3), 77, np.uint8)) == ""
    noise = np.random.default_rng(0).integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    assert len(keys(noise)) <= 2 * KEYS_NATIVE + KEYS_SQUARE


def test_rings_differ_around_equal_keys_of_other_places() -> None:
    """Twelve scenes share no key, so that rings are compared as they are: of 24 signs many differ."""
    rings = [keys_of_text(perceptual_hash(scene(seed)))[1][:30] for seed in range(12)]
    apart = [np.bitwise_count(rings[i] ^ rings[j]) for i in range(12) for j in range(i)]
    assert np.mean(np.concatenate(apart) <= MAX_RING_APART) < 0.01


some_keys = st.lists(st.tuples(st.integers(0, 2**KEY_BITS - 1), st.integers(0, 2**RING_BITS - 1)), max_size=20)


@given(some_keys, some_keys)
def test_keys_survive_as_text_and_texts_can_be_joined(
    some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    def text(pairs: list[tuple[int, int]]) -> str:
        keys, rings = ([pair[part] for pair in pairs] for part in (0, 1))
        return keys_to_text(np.array(keys, dtype=np.uint64), np.array(rings, dtype=np.uint32))

    assert len(text(some)) == TEXT_CHARS * len(some)
    keys, rings = keys_of_text(text(some) + text(others))
    assert list(zip(keys.tolist(), rings.tolist(), strict=True)) == some + others
