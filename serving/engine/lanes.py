"""Worker threads for what takes time: new images, clicks, and files and masks without a model. Few may wait for them.

Each kind of work has a lane of its own, so that a click doesn't wait behind the embedding of somebody else's image. A
request with a new image is decoded, embedded and outlined in one turn of the lane `embed`; a click on an image that is
embedded takes the lane `segment`; previews, exports and feedback, which need no model, take the lane `decode`. Who
comes first is served first. A full queue refuses at once, with an estimate of when there will be room; a request that
has waited over the limit is told so and never begun; one whose client has gone leaves the queue.

Leaves out: noticing that a client has gone (serving/http/attending.py: it cancels the task that waits here), and what
is computed (predictor.py).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from components.params import LaneParams, ServingLanes
from serving.engine.later import BusyError, TooSlowError, bounded_s

R = TypeVar("R")
Clock = Callable[[], float]
Served = Callable[[str, float, float], None]
"""Is told of each request that was served: its lane, seconds that it waited, seconds that it took."""
NEWEST = 0.2
"""Weight of the newest request in a lane's recent service time; the last ten make nine tenths of it."""
UNKNOWN_S = 1.0
"""What a request is taken to last while a lane hasn't served any."""


@dataclass(frozen=True, slots=True)
class LaneState:
    """A lane now, and what it has done since the start.

    Requests that wait and that are in flight; numbers that were served, refused as busy, refused as too slow, left by
    their clients while they waited; seconds that a request took lately.
    """

    workers: int
    waiting: int = 0
    in_flight: int = 0
    served: int = 0
    busy: int = 0
    slow: int = 0
    left: int = 0
    recent_s: float = UNKNOWN_S


@dataclass(eq=False, slots=True)
class _Waiter:
    """A request in the queue: since when, and what ends its waiting."""

    since_s: float
    turn: asyncio.Future[None] = field(repr=False)


class Lane:
    """A bounded queue before a few worker threads. To be used from one event loop at a time."""

    def __init__(self, name: str, params: LaneParams, *, clock: Clock = time.monotonic) -> None:
        self.name = name
        self.params = params
        self.on_served: Served | None = None
        self._clock = clock
        self._state = LaneState(workers=params.workers)
        self._waiting: deque[_Waiter] = deque()
        self._pool = ThreadPoolExecutor(params.workers, thread_name_prefix=f"sonoforge-{name}")

    @property
    def state(self) -> LaneState:
        """How the lane is now."""
        return replace(self._state, waiting=len(self._waiting))

    def retry_after_s(self) -> int:
        """Seconds until everybody who is here now should have been served."""
        state = self.state
        return bounded_s(state.recent_s * (state.waiting + state.in_flight) / state.workers)

    async def run(self, call: Callable[..., R], *args: object) -> R:
        """Run a call in one of the lane's threads, when its turn comes.

        Once begun it goes on to its end and keeps its thread, even where nobody waits for it any more.

        Raises
        ------
        BusyError
            If as many wait as may; at once.
        TooSlowError
            If its turn hasn't come within `wait_limit_s`; it wasn't begun.
        """
        came_s = self._clock()
        await self._turn(came_s)
        begun_s = self._clock()
        loop = asyncio.get_running_loop()
        done = self._pool.submit(call, *args)
        done.add_done_callback(lambda ended: self._ended(loop, ended, begun_s - came_s, begun_s))
        return await asyncio.wrap_future(done)

    async def _turn(self, came_s: float) -> None:
        """Come back when a thread is free for this request, which has it from then on."""
        if not self._waiting and self._state.in_flight < self.params.workers:
            self._count(in_flight=1)
            return
        if len(self._waiting) >= self.params.queue:
            self._count(busy=1)
            raise BusyError(
                f"{len(self._waiting)} requests of this kind wait already",
                expected=f"fewer than {self.params.queue}",
                retry_after_s=self.retry_after_s(),
            )
        loop = asyncio.get_running_loop()
        waiter = _Waiter(came_s, loop.create_future())
        self._waiting.append(waiter)
        limit = loop.call_later(self.params.wait_limit_s, self._too_slow, waiter)
        try:
            await waiter.turn
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        finally:
            limit.cancel()

    def _leave(self, waiter: _Waiter) -> None:
        """A client has gone while its request waited, perhaps just when its turn came."""
        self._count(left=1)
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif not waiter.turn.cancelled() and waiter.turn.exception() is None:
            self._count(in_flight=-1)
            self._admit()

    def _too_slow(self, waiter: _Waiter) -> None:
        """A request has waited as long as it may."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        self._count(slow=1)
        limit_s = self.params.wait_limit_s
        error = TooSlowError(
            f"the request has waited {limit_s:g} s for its turn, and wasn't begun",
            expected="a turn within that time",
            retry_after_s=self.retry_after_s(),
        )
        self._refuse(waiter, error)

    def _refuse(self, waiter: _Waiter, error: Exception) -> None:
        if not waiter.turn.done():
            waiter.turn.set_exception(error)

    def _admit(self) -> None:
        """Give free threads to those who wait longest, and refuse who has waited too long."""
        while self._waiting and self._state.in_flight < self.params.workers:
            waiter = self._waiting.popleft()
            if waiter.turn.done():
                continue
            if self._clock() - waiter.since_s > self.params.wait_limit_s:
                self._too_slow(waiter)
                continue
            self._count(in_flight=1)
            waiter.turn.set_result(None)

    def _ended(self, loop: asyncio.AbstractEventLoop, ended: Future[R], waited_s: float, begun_s: float) -> None:
        """In the worker's thread: a call has ended."""
        taken_s = None if ended.cancelled() else self._clock() - begun_s
        try:
            loop.call_soon_threadsafe(self._free, waited_s, taken_s)
        except RuntimeError:
            # The loop is closed, and with it everybody who waited.
            self._count(in_flight=-1)

    def _free(self, waited_s: float, taken_s: float | None) -> None:
        self._count(in_flight=-1)
        if taken_s is not None:
            known = self._state.served > 0
            recent_s = taken_s if not known else (1 - NEWEST) * self._state.recent_s + NEWEST * taken_s
            self._state = replace(self._state, recent_s=recent_s, served=self._state.served + 1)
            if self.on_served is not None:
                self.on_served(self.name, waited_s, taken_s)
        self._admit()

    def _count(self, **more: int) -> None:
        self._state = replace(self._state, **{name: getattr(self._state, name) + by for name, by in more.items()})


class Lanes:
    """A lane for each kind of work."""

    def __init__(self, params: ServingLanes, *, clock: Clock = time.monotonic) -> None:
        self._lanes = {
            "decode": Lane("decode", params.decode, clock=clock),
            "embed": Lane("embed", params.embed, clock=clock),
            "segment": Lane("segment", params.segment, clock=clock),
        }

    async def decode(self, call: Callable[..., R], *args: object) -> R:
        """Decode files or masks, without a model; errors as `Lane.run`."""
        return await self._lanes["decode"].run(call, *args)

    async def embed(self, call: Callable[..., R], *args: object) -> R:
        """Decode and embed a new image, and outline on it; errors as `Lane.run`."""
        return await self._lanes["embed"].run(call, *args)

    async def segment(self, call: Callable[..., R], *args: object) -> R:
        """Outline objects on an image that is embedded; errors as `Lane.run`."""
        return await self._lanes["segment"].run(call, *args)

    def states(self) -> dict[str, LaneState]:
        """Each lane now, by its name."""
        return {name: lane.state for name, lane in self._lanes.items()}

    def retry_after_s(self, name: str) -> int:
        """When a lane that is full now should have room."""
        return self._lanes[name].retry_after_s()

    def observe(self, served: Served) -> None:
        """Tell of each request that is served from now on."""
        for lane in self._lanes.values():
            lane.on_served = served
