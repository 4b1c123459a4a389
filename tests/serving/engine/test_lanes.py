"""Few wait for a lane's threads, in order, no longer than they may; nobody's click waits behind an embedding."""

from __future__ import annotations

import asyncio
import math
import pickle
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any

import pytest
import torch

from components.params import LaneParams
from components.promptable.runtimes.runtime import THREADS
from serving.engine.lanes import Lane, Lanes
from serving.engine.later import BusyError, TooSlowError, bounded_s
from tests.serving.engine.clocks import Clock
from tests.serving.small import SETTINGS

WAIT_S = 20.0


def params(*, workers: int = 1, queue: int = 8, wait_limit_s: float = 1000.0) -> LaneParams:
    """A lane."""
    return LaneParams(workers=workers, queue=queue, wait_limit_s=wait_limit_s)


class Held:
    """Calls that go on when they are told to, and the order in which they began."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.began: list[object] = []
        self.go_on = threading.Event()
        self._clock = clock

    def call(self, name: object, lasts_s: float = 0.0) -> object:
        """Begin, wait for the word, and take so long by the clock."""
        self.began.append(name)
        assert self.go_on.wait(WAIT_S)
        if self._clock is not None:
            self._clock.now_s += lasts_s
        return name


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Play a scene in an event loop, no longer than it should take."""
    asyncio.run(asyncio.wait_for(scene(), WAIT_S))


async def settle(*awaited: Awaitable[object]) -> list[object]:
    """What each gives, or its error."""
    return list(await asyncio.gather(*awaited, return_exceptions=True))


async def come(lane: Lane, held: Held, *names: object) -> list[asyncio.Task[object]]:
    """Requests that have come, one after the other; the lane's threads are all begun that can be."""
    tasks: list[asyncio.Task[object]] = []
    for name in names:
        tasks.append(asyncio.create_task(lane.run(held.call, name)))
        await asyncio.sleep(0)
    while len(held.began) < lane.state.in_flight:
        await asyncio.sleep(0)
    return tasks


def test_who_comes_first_is_served_first() -> None:
    async def scene() -> None:
        lane, held = Lane("l", params()), Held()
        tasks = await come(lane, held, *range(6))
        assert held.began == [0] and (lane.state.in_flight, lane.state.waiting) == (1, 5)
        held.go_on.set()
        assert await settle(*tasks) == held.began == list(range(6))
        assert (lane.state.in_flight, lane.state.waiting, lane.state.served) == (0, 0, 6)

    run(scene)


def test_as_many_run_at_once_as_there_are_workers() -> None:
    async def scene() -> None:
        lane, held = Lane("l", params(workers=3)), Held()
        tasks = await come(lane, held, *range(5))
        assert sorted(held.began, key=str) == [0, 1, 2] and lane.state.in_flight == 3
        held.go_on.set()
        await settle(*tasks)

    run(scene)


def test_a_full_queue_says_when_to_come_again() -> None:
    async def scene() -> None:
        clock = Clock()
        lane, held = Lane("l", params(queue=2), clock=clock), Held(clock)
        held.go_on.set()
        await lane.run(held.call, "known", 7.0)
        held.go_on.clear()
        tasks = await come(lane, held, 0, 1, 2)
        with pytest.raises(BusyError) as refused:
            await lane.run(held.call, "one too many")
        assert refused.value.retry_after_s == 21, "three requests of seven seconds"
        assert lane.state.busy == 1 and lane.state.recent_s == 7.0
        held.go_on.set()
        await settle(*tasks)
        assert "one too many" not in held.began

    run(scene)


def test_seconds_to_come_again_are_bounded() -> None:
    assert [bounded_s(seconds) for seconds in (0.0, 0.2, 1.1, 59.5, 1e9)] == [1, 1, 2, 60, 60]
    error = BusyError("found", expected="expected", retry_after_s=7.2)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.retry_after_s) == (str(error), 8) and type(again) is BusyError


def test_who_has_waited_too_long_is_never_begun() -> None:
    async def scene() -> None:
        clock = Clock()
        lane, held = Lane("l", params(wait_limit_s=900.0), clock=clock), Held()
        first, late = await come(lane, held, "first", "late")
        clock.now_s = 500.0
        (fresh,) = await come(lane, held, "fresh")
        clock.now_s = 901.0
        held.go_on.set()
        assert await first == "first"
        with pytest.raises(TooSlowError, match="wasn't begun"):
            await late
        assert await fresh == "fresh" and held.began == ["first", "fresh"]
        assert (lane.state.slow, lane.state.served) == (1, 2)

    run(scene)


def test_who_waits_is_told_at_the_limit_though_nothing_moves() -> None:
    async def scene() -> None:
        lane, held = Lane("l", params(wait_limit_s=0.01)), Held()
        (first,) = await come(lane, held, "first")
        with pytest.raises(TooSlowError) as refused:
            await lane.run(held.call, "late")
        assert 1 <= refused.value.retry_after_s <= 60
        assert (lane.state.waiting, lane.state.slow) == (0, 1)
        held.go_on.set()
        await first

    run(scene)


def test_who_leaves_the_queue_is_forgotten() -> None:
    async def scene() -> None:
        lane, held = Lane("l", params()), Held()
        tasks = await come(lane, held, *range(4))
        tasks[1].cancel()
        tasks[2].cancel()
        assert [type(each) for each in await settle(tasks[1], tasks[2])] == [asyncio.CancelledError] * 2
        assert lane.state.waiting == 1 and lane.state.left == 2
        held.go_on.set()
        assert await settle(tasks[0], tasks[3]) == [0, 3] == held.began

    run(scene)


def test_who_leaves_at_the_moment_of_its_turn_gives_it_to_the_next() -> None:
    async def scene() -> None:
        lane, held = Lane("l", params()), Held()
        first, second, third = await come(lane, held, *range(3))
        held.go_on.set()
        while lane.state.in_flight == 1 and lane.state.waiting == 2:
            await asyncio.sleep(0)
        second.cancel()
        await settle(first, second, third)
        assert third.result() == 2 and (lane.state.in_flight, lane.state.waiting) == (0, 0)
        assert await lane.run(held.call, "after") == "after"

    run(scene)


def test_a_call_whose_client_has_gone_keeps_its_thread_to_its_end() -> None:
    async def scene() -> None:
        lane, held = Lane("l", params()), Held()
        gone, second = await come(lane, held, "gone", "second")
        gone.cancel()
        with pytest.raises((asyncio.CancelledError, CancelledError)):
            await gone
        assert (lane.state.in_flight, lane.state.waiting) == (1, 1) and held.began == ["gone"]
        held.go_on.set()
        assert await second == "second" and lane.state.in_flight == 0

    run(scene)


def test_an_error_frees_the_thread_and_reaches_who_asked() -> None:
    def broken() -> None:
        raise ValueError("broken")

    async def scene() -> None:
        lane = Lane("l", params())
        for _ in range(3):
            with pytest.raises(ValueError, match="broken"):
                await lane.run(broken)
        assert lane.state.in_flight == 0

    run(scene)


def test_a_click_doesnt_wait_behind_embeddings() -> None:
    async def scene() -> None:
        lanes, held = Lanes(SETTINGS.lanes), Held()
        embedding = [asyncio.create_task(lanes.embed(held.call, number)) for number in range(9)]
        await asyncio.sleep(0)
        assert await lanes.segment(lambda: "clicked") == "clicked"
        assert await lanes.decode(lambda: "decoded") == "decoded"
        states = lanes.states()
        assert states["embed"].served == 0 and states["embed"].waiting + states["embed"].in_flight == 9
        assert lanes.retry_after_s("embed") == math.ceil(9 / SETTINGS.lanes.embed.workers), "a second each, as is known"
        held.go_on.set()
        await settle(*embedding)

    run(scene)


def test_what_was_served_is_told() -> None:
    async def scene() -> None:
        clock = Clock()
        lane, held, told = Lane("l", params(), clock=clock), Held(clock), list[tuple[str, float, float]]()
        lane.on_served = lambda *what: told.append(what)
        first = asyncio.create_task(lane.run(held.call, 0, 3.0))
        second = asyncio.create_task(lane.run(held.call, 1, 5.0))
        await asyncio.sleep(0)
        held.go_on.set()
        await settle(first, second)
        assert told == [("l", 0.0, 3.0), ("l", 3.0, 5.0)]
        assert lane.state.recent_s == pytest.approx(0.8 * 3 + 0.2 * 5)

    run(scene)


def test_every_thread_has_as_many_of_torchs_as_the_library() -> None:
    async def scene() -> None:
        lane, held = Lane("l", params(workers=3)), Held()

        def look(name: int) -> int:
            held.call(name)
            return torch.get_num_threads()

        tasks = [asyncio.create_task(lane.run(look, number)) for number in range(3)]
        while len(held.began) < 3:
            await asyncio.sleep(0)
        held.go_on.set()
        assert await settle(*tasks) == [THREADS] * 3

    run(scene)
