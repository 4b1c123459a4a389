"""What stands before every endpoint: bytes are counted while they come in, and answers carry headers that close doors.

Leaves out: who may ask (serving/access).
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.bedside import Bedside
from serving.http.refusals import RequestError

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Shield:
    """Counts a request's bytes while they come in, and names the model in every answer."""

    def __init__(self, inner: ASGIApp, *, bedside: Bedside) -> None:
        self.inner = inner
        self.bedside = bedside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.inner(scope, receive, send)
        received = 0
        limit = self.bedside.settings.limits.body_bytes

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _body_too_large(limit)
            return message

        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if (predictor := self.bedside.models.current) is not None:
                    headers.setdefault("X-SonoForge-Model", predictor.description.digest)
            await send(message)

        return await self.inner(scope, counted, labelled)


def _body_too_large(limit: int) -> RequestError:
    return RequestError(
        413, "body_too_large", f"the request is over {limit:,} bytes", hint="send a smaller file, or compress it as PNG"
    )
