"""Epochs of several trainings to how far they are, and to the seconds that are left.

Leaves out: who is told, and in which words (the command).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.training.loop import Report


@dataclass(frozen=True, slots=True)
class Moment:
    """How far an ablation's trainings are: the variant under way, its number of all, epochs done of all, and the
    seconds left for all of them (None while nothing tells)."""

    variant: str
    number: int
    of: int
    epoch: int
    epochs: int
    left_s: float | None


Tell = Callable[[Moment], None]


class Clock:
    """Seconds left of several trainings, by the seconds that their epochs took in this session.

    `epochs` are those of each training; one that stops early, or was finished before, needs none.
    """

    def __init__(self, epochs: Sequence[int], tell: Tell) -> None:
        self._all = tuple(epochs)
        self._left = list(epochs)
        self._tell = tell
        self._seconds, self._seen = 0.0, 0

    def done(self, number: int) -> None:
        """A training (counted from 0) has ended."""
        self._left[number] = 0

    def reporter(self, number: int, variant: str) -> Report:
        """What a training reports its epochs to; says at once that it begins."""
        began = time.monotonic()

        def report(_: dict[str, float], epoch: int) -> None:
            nonlocal began
            now = time.monotonic()
            self._seconds, self._seen, began = self._seconds + now - began, self._seen + 1, now
            self._left[number] = self._all[number] - epoch
            self._say(number, variant)

        self._say(number, variant)
        return report

    def _say(self, number: int, variant: str) -> None:
        left_s = sum(self._left) * self._seconds / self._seen if self._seen else None
        epochs = self._all[number]
        self._tell(Moment(variant, number + 1, len(self._all), epochs - self._left[number], epochs, left_s))
