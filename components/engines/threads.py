"""The engine of one machine: threads of this process, few results waiting, nothing begun after an error.

Decoding and filtering images free the interpreter's lock, so that threads are enough. Leaves out: other machines
(cluster.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from components.engines.engine import ONE_CORE, Needs, Progress, R, T

# Items handed to the pool for each thread: enough for one slow item not to stop the others, few enough to hold.
AHEAD = 16


@dataclass(frozen=True, slots=True)
class Threads:
    """Applies a function in up to `workers` threads.

    With one, and for items that have threads of their own, one item after the other is done in the caller's.
    """

    workers: int = 1

    def mapped(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        *,
        progress: Progress | None = None,
        needs: Needs = ONE_CORE,
    ) -> Iterator[R]:
        """Results in the items' order; at most `AHEAD` items a thread are under way or wait to be taken."""
        at_once = self.workers if needs == ONE_CORE else 1
        made = _in_turn(function, items) if at_once == 1 else _pooled(function, items, at_once)
        with closing(made) as results:
            for done, result in enumerate(results, 1):
                if progress is not None:
                    progress(done, len(items))
                yield result


ONE_THREAD = Threads()
"""One item after the other, in the caller's thread."""


def _in_turn(function: Callable[[T], R], items: Sequence[T]) -> Generator[R]:
    for item in items:
        yield function(item)


def _pooled(function: Callable[[T], R], items: Sequence[T], threads: int) -> Generator[R]:
    pool = ThreadPoolExecutor(max_workers=threads)
    waiting: deque[Future[R]] = deque()
    coming = iter(items)
    try:
        waiting.extend(pool.submit(function, item) for item in islice(coming, AHEAD * threads))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(coming, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
