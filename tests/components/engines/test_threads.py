"""Items in threads: in order, a bounded number ahead, and nothing begun after an error or an interrupt."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.engines import Needs, Threads
from components.engines.threads import AHEAD


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(), max_size=200), st.integers(1, 5))
def test_results_come_in_the_order_of_the_items(items: list[int], workers: int) -> None:
    seen: list[tuple[int, int]] = []

    def work(item: int) -> int:
        time.sleep(0.001 * (item % 3 == 0))
        return -item

    assert list(Threads(workers).mapped(work, items, progress=lambda *at: seen.append(at))) == [-one for one in items]
    assert seen == [(done, len(items)) for done in range(1, len(items) + 1)]


def test_few_items_are_begun_before_their_results_are_taken() -> None:
    begun: list[int] = []
    results = Threads(2).mapped(lambda item: begun.append(item) or item, range(10_000))
    for _ in range(5):
        next(results)
    time.sleep(0.1)
    assert len(begun) <= 5 + 2 * AHEAD
    results.close()  # type: ignore[attr-defined]
    assert len(begun) <= 5 + 2 * AHEAD


def test_what_waits_takes_no_memory_for_each_item() -> None:
    tracemalloc.start()
    try:
        for _ in Threads(2).mapped(lambda item: None, range(5_000)):
            pass
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1e6


@pytest.mark.parametrize("error", [OSError("disk"), KeyboardInterrupt()])
def test_an_error_drops_what_has_not_begun(error: BaseException) -> None:
    begun: list[int] = []
    failed = threading.Event()

    def work(item: int) -> int:
        begun.append(item)
        if item == 0:
            failed.set()
            raise error
        failed.wait(5)
        return item

    with pytest.raises(type(error)):
        list(Threads(1).mapped(work, list(range(500))))
    assert len(begun) <= 1 + AHEAD


def test_an_interrupt_while_waiting_drops_the_rest_at_once() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        time.sleep(0.02)
        return item

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(Threads(2).mapped(work, list(range(500)), progress=stop))
    assert len(begun) <= 2 * 3 and time.monotonic() - started < 1


@pytest.mark.parametrize("items", [[], (), range(0)])
def test_no_items_are_no_results(items: Sequence[int]) -> None:
    assert list(Threads(2).mapped(lambda item: item, items)) == []


@pytest.mark.parametrize(("workers", "needs"), [(1, Needs()), (8, Needs(cpus=2)), (8, Needs(gpus=1))])
def test_an_item_with_threads_of_its_own_is_done_alone_in_the_callers(workers: int, needs: Needs) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        return threading.get_ident()

    results = Threads(workers).mapped(work, range(5), needs=needs)
    assert next(results) == threading.get_ident() and begun == [0]
    assert set(results) == {threading.get_ident()} and begun == list(range(5))
