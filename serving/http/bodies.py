"""A request's body while it comes in: its bytes counted, its time bounded, and all bodies in memory together.

Leaves out: what it holds (reading.py).
"""

from __future__ import annotations

import time

import anyio
from starlette.datastructures import Headers
from starlette.types import Message, Receive

from components.params.serving import ServingLimits
from serving.http.refusals import RequestError

LINGER_S = 2.0
UNCOUNTED = 2**16
"""So much of each body isn't held against the bound on all together: a click never waits for others' uploads."""


class Held:
    """Bytes of the bodies of all requests that are being answered, but for the beginning of each."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.now = 0

    def take(self, count: int) -> None:
        """Count bytes in, or refuse them."""
        if self.now + count > self.most:
            raise RequestError(
                503, "overloaded", "the service holds as many uploads as it may", hint="send it again in a moment"
            )
        self.now += count


class Body:
    """The body of one request. `receive` is what an endpoint reads it by."""

    def __init__(self, receive: Receive, headers: Headers, *, limits: ServingLimits, held: Held) -> None:
        self._receive, self._limits, self._held = receive, limits, held
        self._lengths = headers.getlist("content-length")
        self._received = self._taken = 0
        self._until_s: float | None = None
        # Without either header a request has no body (RFC 9112, 6.3).
        self.complete = self._lengths in ([], ["0"]) and "transfer-encoding" not in headers

    def check(self) -> None:
        """Refuse a body that says that it is too large, before anything of it is read."""
        _check_declared(self._lengths, self._limits.body_bytes)

    async def receive(self) -> Message:
        """The next piece; `RequestError` where bytes or seconds go over what a request may have."""
        if self.complete:
            # What comes now is only the end of the connection, for which an endpoint may wait as long as it likes.
            return await self._receive()
        if self._until_s is None:
            self._until_s = time.monotonic() + self._limits.read_s
        seconds = min(self._limits.idle_s, self._until_s - time.monotonic())
        try:
            with anyio.fail_after(max(0.0, seconds)):
                message = await self._receive()
        except TimeoutError:
            raise RequestError(
                408, "too_slow", "the request's body comes too slowly", hint="send it again, or over a faster line"
            ) from None
        self._received += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        if self._received > self._limits.body_bytes:
            raise body_too_large(self._limits.body_bytes)
        self._hold()
        return message

    async def discard(self) -> None:
        """Read what still comes and forget it, for a moment: a client that is still sending would miss its answer."""
        with anyio.move_on_after(LINGER_S):
            while not self.complete:
                message = await self._receive()
                self.complete = not message.get("more_body", False)

    def release(self) -> None:
        """The request is answered; nothing of its body is held any more."""
        self._held.now -= self._taken
        self._taken = 0

    def _hold(self) -> None:
        """Count in what has come; what was only announced takes nobody's room."""
        more = self._received - UNCOUNTED - self._taken
        if more > 0:
            self._held.take(more)
            self._taken += more


def body_too_large(limit: int) -> RequestError:
    """The refusal of a body over the limit."""
    return RequestError(
        413, "body_too_large", f"the request is over {limit:,} bytes", hint="send a smaller file, or compress it as PNG"
    )


def _check_declared(given: list[str], limit: int) -> None:
    """Refuse a length that can't be, or is over the limit."""
    if not given:
        return
    if len(given) > 1 or not given[0].isascii() or not given[0].isdigit():
        raise RequestError(400, "bad_request", "Content-Length isn't one number", hint="let an HTTP library build it")
    if len(given[0]) > 15 or int(given[0]) > limit:
        raise body_too_large(limit)
