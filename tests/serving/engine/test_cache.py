"""The store of embeddings never holds more bytes, nor anything longer, than it may; each is computed once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.promptable.segmenter import Embedding
from serving.engine.cache import Embedded, EmbeddingCache, Key, keep_sweeping
from serving.engine.later import TooSlowError
from serving.engine.seen import Seen
from serving.engine.weighing import held_by
from tests.serving.engine.clocks import Clock, until

WAIT_S = 30.0


def entry(size_bytes: int) -> Embedded:
    """An entry whose maps take a given size."""
    empty = torch.zeros(0, dtype=torch.uint8)
    return Embedded(Embedding(torch.zeros(size_bytes, dtype=torch.uint8), empty, empty), (1, 1), None, Seen("0" * 64))


def key(image: object, model: str = "m") -> Key:
    """A key of an image."""
    return Key(model, str(image))


BESIDE = held_by(entry(0)) + held_by(key("a"))
"""What an entry takes besides its maps."""


def make(max_bytes: int, *, ttl_s: float = 1e9, clock: Clock | None = None) -> EmbeddingCache:
    """A store with a clock that stands still unless it is moved."""
    return EmbeddingCache(max_bytes, ttl_s=ttl_s, clock=clock or Clock())


def test_the_least_recently_used_goes_first() -> None:
    cache = make(3 * (BESIDE + 1000))
    for image in "abc":
        cache.put(key(image), entry(1000))
    assert cache.get(key("a")) is not None
    cache.put(key("d"), entry(1000))
    assert cache.get(key("b")) is None
    assert all(cache.get(key(image)) is not None for image in "acd")
    counts = cache.counts
    assert (counts.evicted_room, counts.evicted_age, counts.hits, counts.misses, counts.entries) == (1, 0, 4, 1, 3)


def test_an_entry_larger_than_the_store_pushes_nothing_out() -> None:
    cache = make(BESIDE + 3000)
    cache.put(key("small"), entry(2900))
    cache.put(key("huge"), entry(3100))
    assert cache.get(key("huge")) is None and cache.get(key("small")) is not None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40_000)), max_size=60))
def test_bytes_are_bounded_and_counted(puts: list[tuple[int, int]]) -> None:
    cache = make(100_000)
    for number, size in puts:
        cache.put(key(number), entry(size))
        held = [kept for number in range(10) if (kept := cache.get(key(number))) is not None]
        assert cache.held_bytes == sum(kept.embedding.nbytes + BESIDE for kept in held) <= 100_000
        assert len(cache) == len(held)


def test_a_view_counts_as_what_it_keeps_alive() -> None:
    batch = torch.zeros(8, 1000, dtype=torch.uint8)
    empty = torch.zeros(0, dtype=torch.uint8)
    view = Embedded(Embedding(batch[:1], empty, empty), (1, 1), None, Seen("0" * 64))
    cache = make(1_000_000)
    cache.put(key("a"), view)
    assert cache.held_bytes == BESIDE + 8000


def test_many_threads_leave_the_count_right() -> None:
    cache = make(50 * BESIDE)

    def hammer(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(300):
            number = int(rng.integers(10, 99))
            if rng.random() < 0.5:
                cache.get(key(number))
            else:
                cache.put(key(number), entry(1 + 7 * number))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(hammer, range(16)))
    held = [(number, kept) for number in range(10, 99) if (kept := cache.get(key(number))) is not None]
    beside = BESIDE + 1  # one more digit in the key
    assert cache.held_bytes == sum(kept.embedding.nbytes + beside for _, kept in held) <= 50 * BESIDE


def test_what_isnt_asked_for_goes_with_time() -> None:
    clock = Clock()
    cache = make(10**6, ttl_s=10, clock=clock)
    for image in "ab":
        cache.put(key(image), entry(10))
    clock.now_s = 9.0
    assert cache.get(key("a")) is not None, "a use begins the time anew"
    assert cache.holds(key("b")), "looking whether it is there is no use"
    clock.now_s = 10.5
    assert cache.get(key("b")) is None and cache.get(key("a")) is not None
    clock.now_s = 21.0
    cache.sweep()
    assert len(cache) == cache.held_bytes == 0
    assert (cache.counts.evicted_age, cache.counts.evicted_room) == (2, 0)


def test_time_goes_though_nobody_asks() -> None:
    def swept() -> threading.Thread:
        clock = Clock()
        cache = make(10**6, ttl_s=10, clock=clock)
        cache.put(key("a"), entry(10))
        thread = keep_sweeping(cache, every_s=0.001)
        clock.now_s = 11.0
        until(lambda: len(cache) == 0)
        return thread

    thread = swept()
    thread.join(WAIT_S)
    assert not thread.is_alive(), "it ends with its store"


def test_a_models_entries_go_with_it_and_no_others() -> None:
    cache = make(10**6)
    for model in ("old", "new"):
        for image in "ab":
            cache.put(key(image, model), entry(10))
    assert cache.get(key("a", "other")) is None, "an image's id is no key without its model"
    assert cache.drop_model("old") == 2 and len(cache) == 2
    assert not cache.holds(key("a", "old")) and cache.holds(key("a", "new"))
    assert cache.counts.dropped == 2


class Crowd:
    """Many threads that ask one store for one image at once."""

    def __init__(self, cache: EmbeddingCache, compute: Callable[[int], Embedded], *, threads: int = 32) -> None:
        self.calls = 0
        self.go_on = threading.Event()
        self._compute = compute
        self._lock = threading.Lock()
        self._cache = cache
        self._pool = ThreadPoolExecutor(threads)
        gate = threading.Barrier(threads)
        self._asked = [self._pool.submit(self._ask, gate) for _ in range(threads)]

    def _ask(self, gate: threading.Barrier) -> Embedded:
        gate.wait()
        return self._cache.obtain(key("a"), self._called, wait_s=WAIT_S)

    def _called(self) -> Embedded:
        with self._lock:
            self.calls += 1
            call = self.calls
        assert self.go_on.wait(WAIT_S)
        return self._compute(call)

    def answers(self) -> list[Embedded | BaseException]:
        """Let the computing go on; each thread's entry or error."""
        self.go_on.set()
        wait(self._asked, timeout=WAIT_S)
        self._pool.shutdown()
        return [asked.exception() or asked.result() for asked in self._asked]


@pytest.mark.parametrize("max_bytes", [10**6, 0])
def test_thirty_two_threads_share_one_computation(max_bytes: int) -> None:
    cache = make(max_bytes)
    made = entry(10)
    crowd = Crowd(cache, lambda _: made)
    # Where nothing is kept, whoever asks when it is over computes anew: all must have come before it goes on.
    until(lambda: [flight.followers for flight in cache._flights.values()] == [31])
    assert all(answer is made for answer in crowd.answers())
    assert crowd.calls == cache.counts.encoded == 1 and cache.counts.shared == 31


def test_a_failure_isnt_everybodys() -> None:
    def compute(call: int) -> Embedded:
        if call == 1:
            raise RuntimeError("first")
        return made

    made = entry(10)
    crowd = Crowd(make(10**6), compute)
    answers = crowd.answers()
    assert sorted(str(answer) for answer in answers if isinstance(answer, BaseException)) == ["first"]
    assert sum(answer is made for answer in answers) == 31 and crowd.calls == 2


def test_what_always_fails_comes_to_an_end_and_is_tried_anew_later() -> None:
    def compute(_: int) -> Embedded:
        raise ValueError("always")

    cache = make(10**6)
    answers = Crowd(cache, compute).answers()
    assert len(answers) == 32 and {str(answer) for answer in answers} == {"always"}
    assert cache.obtain(key("a"), lambda: entry(1), wait_s=WAIT_S) is cache.get(key("a"))


def test_nobody_waits_for_ever() -> None:
    cache = make(10**6)
    begun, go_on = threading.Event(), threading.Event()

    def compute() -> Embedded:
        begun.set()
        assert go_on.wait(WAIT_S)
        return entry(1)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(cache.obtain, key("a"), compute, wait_s=WAIT_S)
        assert begun.wait(WAIT_S)
        with pytest.raises(TooSlowError) as refused:
            cache.obtain(key("a"), compute, wait_s=0.01)
        assert refused.value.retry_after_s == 1
        go_on.set()
        assert first.result(WAIT_S) is not None
