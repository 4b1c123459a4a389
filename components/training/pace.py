"""How fast an epoch goes: images a second, time left, and the share of the time that was spent waiting for data.

Leaves out: what an epoch learned (loop.py).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)
EVERY_S = 15.0
LEAST_S = 1e-9


class Pace:
    """One epoch's pace in this session; says how far it is at most every `EVERY_S` seconds.

    Parameters
    ----------
    label
        The epoch, as log lines begin.
    images
        Images of the epoch; `begun` of them were learnt from before this session.
    later
        Images of all epochs after this one.
    speaks
        Whether log lines are written, which one rank of several does.
    """

    def __init__(
        self,
        label: str,
        *,
        images: int,
        begun: int,
        later: int,
        speaks: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label = label
        self._images = images
        self._begun = begun
        self._later = later
        self._speaks = speaks
        self._clock = clock
        self._started = self._said_at = clock()
        self._waiting_s = 0.0
        self._seen = 0

    def timed(self, batches: Iterable[T]) -> Iterator[T]:
        """The same batches; the time until each comes counts as waiting."""
        source = iter(batches)
        while True:
            asked = self._clock()
            try:
                batch = next(source)
            except StopIteration:
                return
            self._waiting_s += self._clock() - asked
            yield batch

    def learnt(self, images: int) -> None:
        """Note that so many further images were learnt from."""
        self._seen += images
        now = self._clock()
        if not self._speaks or now - self._said_at < EVERY_S:
            return
        self._said_at = now
        done = self._begun + self._seen
        left_s = (self._images - done) / max(LEAST_S, self.images_per_second)
        log.info(
            "%s: %d of %d images, %.1f images/s, %s left in it, about %s in all, %.0f %% of the time waiting for data",
            *(self._label, done, self._images, self.images_per_second, in_words(left_s)),
            *(in_words(left_s + self._later / max(LEAST_S, self.images_per_second)), 100 * self.waiting_share),
        )

    @property
    def known(self) -> bool:
        """Whether anything was learnt from in this session; an epoch taken up at its end has no pace."""
        return self._seen > 0

    @property
    def images_per_second(self) -> float:
        """Images learnt from in a second of this session's part of the epoch."""
        return self._seen / max(LEAST_S, self._clock() - self._started)

    @property
    def waiting_share(self) -> float:
        """The share of that time, 0 to 1, that the model waited for its batches."""
        return self._waiting_s / max(LEAST_S, self._clock() - self._started)


def in_words(seconds: float) -> str:
    """A duration as people say it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
