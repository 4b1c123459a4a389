"""The store of embeddings never holds more bytes than it may, and lets the least recent go first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.promptable.segmenter import Embedding
from serving.engine.cache import Embedded, EmbeddingCache


def entry(size_bytes: int) -> Embedded:
    """An entry of a given size."""
    empty = torch.zeros(0, dtype=torch.uint8)
    return Embedded(Embedding(torch.zeros(size_bytes, dtype=torch.uint8), empty, empty), (1, 1))


def test_the_least_recently_used_goes_first() -> None:
    cache = EmbeddingCache(30)
    for key in "abc":
        cache.put(key, entry(10))
    assert cache.get("a") is not None
    cache.put("d", entry(10))
    assert cache.get("b") is None
    assert all(cache.get(key) is not None for key in "acd")


def test_an_entry_larger_than_the_store_pushes_nothing_out() -> None:
    cache = EmbeddingCache(30)
    cache.put("small", entry(30))
    cache.put("huge", entry(31))
    assert cache.get("huge") is None and cache.get("small") is not None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), max_size=60))
def test_bytes_are_bounded_and_counted(puts: list[tuple[int, int]]) -> None:
    cache = EmbeddingCache(100)
    for key, size in puts:
        cache.put(str(key), entry(size))
        held = [kept for number in range(10) if (kept := cache.get(str(number))) is not None]
        assert cache.held_bytes == sum(kept.embedding.nbytes for kept in held) <= 100
        assert len(cache) == len(held)


def test_many_threads_leave_the_count_right() -> None:
    cache = EmbeddingCache(500)

    def hammer(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(300):
            key = str(rng.integers(0, 40))
            if rng.random() < 0.5:
                cache.get(key)
            else:
                cache.put(key, entry(1 + 7 * int(key)))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(hammer, range(16)))
    held = [kept for number in range(40) if (kept := cache.get(str(number))) is not None]
    assert cache.held_bytes == sum(kept.embedding.nbytes for kept in held) <= 500
