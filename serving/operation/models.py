"""The model that serves now, and those that served just before: they answer for what they have embedded.

A promotion or a rollback changes the model between two requests. One that has begun keeps the model that it began with;
a click on an image that the former model embedded is answered by that model, for as long as it is kept, so that nobody
who is at work on an image meets an error or another model's outline beside the first's. Leaves out: loading a model,
and when (switching.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from serving.engine.predictor import Predictor


@dataclass(frozen=True, slots=True)
class Former:
    """A model that served before, and the time of the monotonic clock until which it is kept."""

    predictor: Predictor
    until_s: float


class Models:
    """Which predictor answers requests; `keep_s` is how long a former one answers for its images."""

    def __init__(self, *, keep_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = keep_s
        self._clock = clock
        self._lock = threading.Lock()
        self._current: Predictor | None = None
        self._former: tuple[Former, ...] = ()

    @property
    def current(self) -> Predictor | None:
        """The predictor that new images go to; None until one is installed."""
        return self._current

    @property
    def former(self) -> tuple[Predictor, ...]:
        """The predictors that still answer for their images, the latest first."""
        now_s = self._clock()
        return tuple(each.predictor for each in self._former if each.until_s > now_s)

    def install(self, predictor: Predictor) -> None:
        """Let a predictor answer from now on; the one before is kept for a while.

        A model that comes back while it is kept takes its former predictor's place, and finds its embeddings.
        """
        with self._lock:
            kept = list(self._former)
            if self._current is not None:
                kept.insert(0, Former(self._current, self._clock() + self._keep_s))
            self._former = tuple(each for each in kept if each.predictor.identity != predictor.identity)
            self._current = predictor

    def holding(self, image_id: str) -> Predictor | None:
        """The predictor that has embedded an image: the current one, or one that is kept."""
        known = (self._current, *self.former)
        return next((each for each in known if each is not None and each.holds(image_id)), None)

    def forget(self) -> tuple[Predictor, ...]:
        """Let go of those whose time is over; returns them."""
        with self._lock:
            now_s = self._clock()
            over = tuple(each.predictor for each in self._former if each.until_s <= now_s)
            self._former = tuple(each for each in self._former if each.until_s > now_s)
            return over
