"""The time left of several trainings."""

from __future__ import annotations

import pytest

from components.training.ablation.progress import Clock, Moment


def test_the_time_left_covers_all_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("components.training.ablation.progress.time.monotonic", lambda: now)
    told: list[Moment] = []
    clock = Clock([2, 4, 3], told.append)
    clock.done(1)  # finished before
    first = clock.reporter(0, "a")
    now = 10.0
    first({}, 1)
    assert told == [Moment("a", 1, 3, 0, 2, None), Moment("a", 1, 3, 1, 2, 40.0)]
    clock.done(0)  # stopped early
    clock.reporter(2, "c")
    assert told[-1] == Moment("c", 3, 3, 0, 3, 30.0)
