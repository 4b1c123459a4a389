"""HTTP requests to predictor calls and back: an ASGI application that any server can mount.

Every error is JSON with a fitting status; nothing that a client sends is a 500. Computing happens in a few worker
threads, so that health checks always answer. Leaves out: health, metrics and the process (serving/service.py).
"""

from __future__ import annotations

import functools
import io
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
from PIL import Image as PilImage
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.datastructures import FormData, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.errors import ImageError, ImageTooLargeError, PromptError, SonoForgeError
from components.types import Prompt
from serving.predictor import ImageGoneError, Limits, Predictor, TooMuchWorkError
from serving.schema import IMAGE_ID, ErrorDetail, ErrorOut, PromptsIn, TimingOut

WEB = Path(__file__).parent / "web"
WORKERS = 2
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
STATUSES: tuple[tuple[type[SonoForgeError], int, str], ...] = (
    (ImageTooLargeError, 413, "image_too_large"),
    (ImageError, 422, "image_unreadable"),
    (PromptError, 422, "prompts_invalid"),
    (ImageGoneError, 410, "image_gone"),
    (TooMuchWorkError, 413, "too_much_work"),
)
R = TypeVar("R", bound=BaseModel)
logger = logging.getLogger(__name__)


class RequestError(Exception):
    """A request that can't be answered, with the status and the error that the client gets."""

    def __init__(self, status: int, code: str, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.status = status
        self.detail = ErrorDetail(code=code, message=message, hint=hint)


class Api:
    """The endpoints over one predictor, which `predictor` holds as soon as the model is loaded."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.predictor: Predictor | None = None
        self._threads: anyio.CapacityLimiter | None = None

    def app(self) -> ASGIApp:
        """The ASGI application: endpoints, page, errors, limit on bytes, headers."""
        routes = [
            Route("/", self.page, methods=["GET"]),
            Route("/v1/model", self.model, methods=["GET"]),
            Route("/v1/images", self.images, methods=["POST"]),
            Route("/v1/segment", self.segment, methods=["POST"]),
            Route("/v1/preview", self.preview, methods=["POST"]),
            Mount("/web", StaticFiles(directory=WEB)),
        ]
        handlers: dict[type[Exception] | int, Callable[[Request, Exception], Response | Awaitable[Response]]] = {
            RequestError: _on_request_error,
            SonoForgeError: _on_library_error,
            HTTPException: _on_http_error,
            ClientDisconnect: _on_disconnect,
            Exception: _on_own_error,
        }
        inner = Starlette(routes=routes, exception_handlers=handlers)
        return _Guard(inner, api=self)

    async def page(self, _: Request) -> Response:
        """The web page."""
        return FileResponse(WEB / "index.html")

    async def model(self, _: Request) -> Response:
        """The model card."""
        return _json(self._ready().card())

    async def images(self, request: Request) -> Response:
        """Embed an image and tell its id."""
        predictor = self._ready()
        async with _form(request) as form:
            data = await _file(form)
        return _timed(answer := await self._work(predictor.embed, data), answer.timing_ms)

    async def segment(self, request: Request) -> Response:
        """Segment an image, or one that is embedded."""
        predictor = self._ready()
        async with _form(request) as form:
            prompts = await _prompts(form, max_bytes=self.limits.prompts_bytes)
            image_id = form.get("image_id")
            if image_id is not None and "image" in form:
                raise RequestError(400, "image_twice", "both image and image_id", hint="send either the file or the id")
            data = None if image_id is not None else await _file(form)
        if image_id is not None and not isinstance(image_id, str):
            raise RequestError(400, "image_id_invalid", "image_id is a file", hint="send it as a text field")
        if image_id is not None and re.fullmatch(IMAGE_ID, image_id) is None:
            # Never repeated in the answer: it may be as long as the body, and hold what can't be written as UTF-8.
            raise RequestError(
                422,
                "image_id_invalid",
                "image_id isn't 64 digits from 0 to 9 and a to f",
                hint="send `image.id` as an answer gave it",
            )
        call = functools.partial(predictor.segment, prompts, image=data, image_id=image_id)
        return _timed(answer := await self._work(call), answer.timing_ms)

    async def preview(self, request: Request) -> Response:
        """The image as it was decoded, as PNG: what a page must show so that its pixels are the model's."""
        predictor = self._ready()
        async with _form(request) as form:
            data = await _file(form)
        png = await anyio.to_thread.run_sync(_to_png, predictor, data, limiter=self._limiter())
        return Response(png, media_type="image/png")

    def _ready(self) -> Predictor:
        if self.predictor is None:
            raise RequestError(503, "not_ready", "no model is loaded yet", hint="try again when /readyz answers 200")
        return self.predictor

    async def _work(self, call: Callable[..., R], *args: object) -> R:
        return await anyio.to_thread.run_sync(call, *args, limiter=self._limiter())

    def _limiter(self) -> anyio.CapacityLimiter:
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(WORKERS)
        return self._threads


class _Guard:
    """Counts a request's bytes while they come in, and names the model in every answer."""

    def __init__(self, inner: ASGIApp, *, api: Api) -> None:
        self.inner = inner
        self.api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.inner(scope, receive, send)
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.api.limits.body_bytes:
                raise _body_too_large(self.api.limits.body_bytes)
            return message

        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self.api.predictor is not None:
                    headers["X-SonoForge-Model"] = self.api.predictor.description.digest
            await send(message)

        return await self.inner(scope, counted, labelled)


def _body_too_large(limit: int) -> RequestError:
    return RequestError(
        413, "body_too_large", f"the request is over {limit:,} bytes", hint="send a smaller file, or compress it as PNG"
    )


class _InMemory(MultiPartParser):
    """Starlette's parser, but uploads never touch the disk: they may be patients' images, and the body is bounded."""

    spool_max_size = 2**62


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    """The fields of a multipart request, its files closed at the end."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise RequestError(
            415, "not_multipart", f"a request of type {kind[:80] or 'none'}", hint="send multipart/form-data"
        )
    try:
        # A text field may be as long as the body; the limit on prompts is ours, with an answer of its own.
        parser = _InMemory(request.headers, request.stream(), max_files=2, max_fields=8, max_part_size=2**62)
        form = await parser.parse()
    except (RequestError, ClientDisconnect):
        raise
    except Exception as error:  # noqa: BLE001 - the parser raises many kinds on malformed bodies
        text = error.message if isinstance(error, MultiPartException) else "it can't be parsed"
        raise RequestError(
            400, "form_malformed", f"a malformed multipart body: {text}", hint="let an HTTP library build it"
        ) from None
    try:
        yield form
    finally:
        await form.close()


async def _file(form: FormData) -> bytes:
    given = form.get("image")
    if not isinstance(given, UploadFile):
        raise RequestError(
            400, "image_missing", "no file in the field `image`", hint="send the image as the file field `image`"
        )
    data = await given.read()
    if not data:
        raise RequestError(422, "image_unreadable", "the file in the field `image` is empty", hint="send the image")
    return data


async def _prompts(form: FormData, *, max_bytes: int) -> list[Prompt]:
    given = form.get("prompts")
    if given is None:
        raise RequestError(
            400, "prompts_missing", "no field `prompts`", hint='send {"objects": [{"box": [x0, y0, x1, y1]}]}'
        )
    data = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else await given.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise RequestError(
            413, "prompts_too_large", f"prompts of over {max_bytes:,} bytes", hint="send fewer objects and points"
        )
    try:
        return PromptsIn.model_validate_json(data).to_prompts()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:200]
        code, status = ("prompts_not_json", 400) if first["type"] == "json_invalid" else ("prompts_invalid", 422)
        message = f"prompts: {place + ': ' if place else ''}{first['msg'][:300]}"
        raise RequestError(
            status, code, message, hint='the form is {"objects": [{"box": [x0, y0, x1, y1], "points": […]}]}'
        ) from None


def _to_png(predictor: Predictor, data: bytes) -> bytes:
    buffer = io.BytesIO()
    PilImage.fromarray(predictor.decode(data)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _json(answer: BaseModel, status: int = 200) -> Response:
    return Response(answer.model_dump_json(), status_code=status, media_type="application/json")


def _timed(answer: BaseModel, timing: TimingOut) -> Response:
    response = _json(answer)
    response.headers["Server-Timing"] = ", ".join(f"{name};dur={ms:g}" for name, ms in timing.model_dump().items())
    return response


def _refused(status: int, detail: ErrorDetail) -> Response:
    return _json(ErrorOut(error=detail), status)


def _on_request_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    response = _refused(error.status, error.detail)
    if error.status == 503:
        response.headers["Retry-After"] = "2"
    if error.detail.code == "body_too_large":
        response.headers["Connection"] = "close"
    return response


def _on_library_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SonoForgeError)
    for kind, status, code in STATUSES:
        if isinstance(error, kind):
            message = f"{error.found}; expected: {error.expected}"
            return _refused(status, ErrorDetail(code=code, message=message, hint=error.remedy))
    return _on_own_error(request, error)


def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    hint = "POST /v1/segment, POST /v1/images, POST /v1/preview, GET /v1/model, GET /"
    response = _refused(error.status_code, ErrorDetail(code=code, message=error.detail, hint=hint))
    response.headers.update(error.headers or {})
    return response


def _on_disconnect(_: Request, __: Exception) -> Response:
    """Nobody reads this answer; it only keeps the server from taking a lost connection for a fault of its own."""
    logger.info("a client went away before its request was whole")
    return _refused(400, ErrorDetail(code="request_incomplete", message="the request broke off", hint="send all of it"))


def _on_own_error(_: Request, error: Exception) -> Response:
    logger.error("a request failed through a fault of the service", exc_info=error)
    detail = ErrorDetail(code="internal", message="the service failed", hint="tell whoever runs it; the log says more")
    return _refused(500, detail)
