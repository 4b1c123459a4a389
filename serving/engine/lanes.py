"""Worker threads for what takes time: decoding files, embedding images, outlining objects.

Each kind of work has a lane of its own, so that a click doesn't wait behind the embedding of somebody else's image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

R = TypeVar("R")


class Lanes:
    """Runs calls in threads, `workers` of each kind at a time."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._limiters: dict[str, anyio.CapacityLimiter] = {}

    async def decode(self, call: Callable[..., R], *args: object) -> R:
        """Decode a file."""
        return await self._run("decode", call, *args)

    async def embed(self, call: Callable[..., R], *args: object) -> R:
        """Embed an image, and what belongs to it."""
        return await self._run("embed", call, *args)

    async def segment(self, call: Callable[..., R], *args: object) -> R:
        """Outline objects on an image that is embedded."""
        return await self._run("segment", call, *args)

    async def _run(self, lane: str, call: Callable[..., R], *args: object) -> R:
        # Made in the event loop that uses it.
        limiter = self._limiters.setdefault(lane, anyio.CapacityLimiter(self._workers))
        return await anyio.to_thread.run_sync(call, *args, limiter=limiter)
