"""A function over many items in threads: results in order, few of them waiting, nothing begun after an error.

Decoding and filtering images free the interpreter's lock, so that threads are enough. Leaves out: what is done with
an item, and keeping results (journal.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Progress = Callable[[int, int], None]
"""Called with the number of items done, and of all."""

# Items handed to the pool for each thread: enough for one slow item not to stop the others, few enough to hold.
AHEAD = 16

_T = TypeVar("_T")
_R = TypeVar("_R")


def mapped(
    function: Callable[[_T], _R], items: Sequence[_T], *, workers: int, progress: Progress | None
) -> Iterator[_R]:
    """Apply a function to all items in `workers` threads, in order.

    At most `AHEAD` items a thread are under way or wait to be taken, however many there are. On an error or an
    interrupt, and where the results aren't all taken, the items that haven't begun are dropped.
    """
    pool = ThreadPoolExecutor(max_workers=workers)
    waiting: deque[Future[_R]] = deque()
    coming = iter(items)
    try:
        waiting.extend(pool.submit(function, item) for item in islice(coming, AHEAD * workers))
        for done in range(1, len(items) + 1):
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(coming, 1))
            if progress is not None:
                progress(done, len(items))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
