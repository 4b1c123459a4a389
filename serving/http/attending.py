"""Work for a client that is there: it ends when the client goes away, or when the request has taken too long.

A request that waits in a lane leaves its queue then; a call that a thread has begun goes on to its end, but nobody
waits for it any more. Leaves out: reading the request, which must be done before.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import anyio
from starlette.requests import ClientDisconnect, Request

from serving.bedside import Bedside
from serving.engine.later import TooSlowError

R = TypeVar("R")


async def attend(request: Request, work: Awaitable[R]) -> R:
    """Await work for a request whose body has been read.

    Raises
    ------
    ClientDisconnect
        If the client goes away before the work is done.
    TooSlowError
        If it takes longer than the settings' `lanes.request_s`.
    """
    bedside = request.app.state.bedside
    assert isinstance(bedside, Bedside)
    limit_s = bedside.settings.lanes.request_s
    done: list[R] = []
    failed: list[Exception] = []
    with anyio.move_on_after(limit_s) as limit:
        async with anyio.create_task_group() as group:
            group.start_soon(_end_when_gone, request, group.cancel_scope)
            # A task group would wrap what the work raises in a group of exceptions.
            try:
                done.append(await work)
            except Exception as error:  # noqa: BLE001 - raised below, whatever it is
                failed.append(error)
            group.cancel_scope.cancel()
    if failed:
        raise failed[0]
    if done:
        return done[0]
    if limit.cancelled_caught:
        raise TooSlowError(
            f"the request has taken {limit_s:g} s and isn't done",
            expected="an answer within that time",
            retry_after_s=limit_s,
        )
    raise ClientDisconnect


async def _end_when_gone(request: Request, scope: anyio.CancelScope) -> None:
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return scope.cancel()
