"""What stands before every endpoint: what can't be right is refused before it is read, and answers close doors.

Nothing that a client fills as it likes (paths, names, headers) is logged. Leaves out: who may ask (serving/access).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.access.callers import HEALTH, is_known, role_of
from serving.bedside import Bedside
from serving.http.bodies import Body, Held
from serving.http.origins import check_host, check_origin
from serving.http.refusals import RequestError, answer_to

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
METHODS = ("GET", "HEAD", "POST")
MethodsOf = Callable[[str], tuple[str, ...]]
"""A path to the methods that it knows; all of them for a path that isn't there."""
MAX_HEADERS = 100
MAX_PATH = 2048
logger = logging.getLogger("bentoml.sonoforge.requests")


def _any_method(_: str) -> tuple[str, ...]:
    return METHODS


class Shield:
    """Looks at a request before anybody reads it, counts its bytes while they come, and dresses every answer."""

    def __init__(self, inner: ASGIApp, *, bedside: Bedside, methods_of: MethodsOf = _any_method) -> None:
        self.inner = inner
        self._methods_of = methods_of
        self.bedside = bedside
        self.held = Held(bedside.settings.limits.held_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.inner(scope, receive, send)
        if scope["type"] != "http":
            # There is nothing here that would talk over a web socket.
            return await send({"type": "websocket.close", "code": 1008})
        return await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun_s, headers = time.monotonic(), Headers(scope=scope)
        status = 0
        body: Body | None = None

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._dress(scope, message, whole=body is not None and body.complete)
            elif body is not None and not body.complete and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await body.discard()
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        try:
            self._check(scope, headers)
            body = Body(receive, headers, limits=self.bedside.settings.limits, held=self.held)
            body.check()
            await self.inner(scope, body.receive, dressed)
        except Exception as error:  # whatever it is, the client gets an answer that tells nothing of it
            if status:
                raise
            await answer_to(None, error)(scope, receive, dressed)
        finally:
            if body is not None:
                body.release()
            if scope["path"] not in HEALTH:
                endpoint = getattr(scope.get("endpoint"), "__name__", "-")
                method = scope["method"] if scope["method"] in METHODS else "-"
                taken_s = time.monotonic() - begun_s
                self.bedside.metrics.answered(endpoint, method, status, taken_s=taken_s)
                logger.info("%s %s %d %.0f ms", method, endpoint, status, 1000 * taken_s)

    def _check(self, scope: Scope, headers: Headers) -> None:
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        if size > self.bedside.settings.limits.header_bytes or len(scope["headers"]) > MAX_HEADERS:
            raise RequestError(431, "headers_too_large", "the request's headers are too large", hint="send fewer")
        if len(scope["path"]) + len(scope.get("query_string", b"")) > MAX_PATH:
            raise RequestError(414, "path_too_long", "the request's path is too long", hint="see GET /openapi.json")
        access = self.bedside.settings.access
        check_host(headers, access)
        if scope["method"] not in METHODS:
            # Preflight requests (OPTIONS) among them: no other origin may read anything here.
            raise RequestError(
                405,
                "method_not_allowed",
                "Method Not Allowed",
                hint="see GET /openapi.json",
                allow=self._methods_of(scope["path"]),
            )
        if scope["method"] == "POST" or role_of(scope["path"]) is not None:
            check_origin(headers, access)

    def _dress(self, scope: Scope, message: Message, *, whole: bool) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if scope.get("scheme") == "https":
            # Where the service itself ends TLS. A proxy that does so says this for all that stands behind it.
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if not whole:
            headers["Connection"] = "close"
        if is_known(scope) and (predictor := self.bedside.models.current) is not None:
            headers.setdefault("X-SonoForge-Model", predictor.description.digest)
