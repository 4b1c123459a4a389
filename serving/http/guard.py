"""HTTP to the gate and back: each request is let through with its caller, or refused before anything of it is read.

Credentials are never logged, nor paths, which a client may fill with anything. Leaves out: who may ask (gate.py).
"""

from __future__ import annotations

import logging

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.access.callers import remember, role_of
from serving.access.gate import Gate
from serving.access.refusal import Refusal
from serving.http.refusals import RequestError

_LESSER = Refusal(403, "role_missing", "your role isn't enough for this", "ask whoever runs the service for more")
logger = logging.getLogger(__name__)


class Guard:
    """Lets through who may ask; raises `RequestError` for everybody else."""

    def __init__(self, inner: ASGIApp, *, gate: Gate) -> None:
        self.inner = inner
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (role := role_of(scope["path"])) is not None:
            client, server = (scope.get(end) for end in ("client", "server"))
            address = client[0] if client else None
            found = self.gate.caller(Headers(scope=scope), client=address, server=server[0] if server else None)
            if isinstance(found, Refusal):
                await self._refuse(found, address)
            elif not found.may(role):
                await self._refuse(_LESSER, address, who=found.who)
            else:
                remember(scope, found)
        await self.inner(scope, receive, send)

    async def _refuse(self, refusal: Refusal, address: str | None, *, who: str | None = None) -> None:
        who = who or refusal.who
        wait_s = self.gate.attempts.fail(address) if refusal.status in (401, 403) else 0
        if self.gate.on_refused is not None:
            await anyio.to_thread.run_sync(self.gate.on_refused, refusal.code, who)
        if wait_s:
            raise RequestError(
                429,
                "too_many_failures",
                "too many requests without a right from your address",
                hint="send valid credentials, or wait",
                retry_after_s=wait_s,
            )
        logger.warning("refused %s: %s", address, refusal.code)
        raise RequestError(refusal.status, refusal.code, refusal.message, hint=refusal.hint)
