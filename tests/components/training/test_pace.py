"""Pace: what is said of an epoch, and when, on a clock that the test moves."""

from __future__ import annotations

import logging

import pytest

from components.training.pace import Pace, in_words


class Clock:
    """Seconds, moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_images_a_second_time_left_and_waiting(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    pace = Pace("epoch 2/3", images=100, begun=20, later=100, clock=clock)

    with caplog.at_level(logging.INFO, logger="components.training.pace"):
        batches = pace.timed(range(6))
        for _ in range(5):
            next(batches)
            clock.now += 4.0
            pace.learnt(4)
    # The first line after 15 s, at 16: 16 of 80 images in this session, one a second.
    assert [record.getMessage() for record in caplog.records] == [
        "epoch 2/3: 36 of 100 images, 1.0 images/s, 64 s left in it, about 3 min in all, 0 % of the time waiting for "
        "data"
    ]
    assert pace.images_per_second == pytest.approx(1.0)


def test_only_the_time_until_a_batch_comes_is_waiting() -> None:
    clock = Clock()
    pace = Pace("epoch 1/1", images=3, begun=0, later=0, speaks=False, clock=clock)

    class Slow:
        def __iter__(self) -> Slow:
            return self

        def __next__(self) -> int:
            clock.now += 1.0
            return 0

    batches = pace.timed(Slow())
    for _ in range(3):
        next(batches)
        clock.now += 3.0
    assert pace.waiting_share == pytest.approx(0.25)


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (99, "99 s"), (720, "12 min"), (12_600, "3.5 h")])
def test_durations(seconds: float, said: str) -> None:
    assert in_words(seconds) == said
