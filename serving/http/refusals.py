"""What can't be answered, and how that is said: each error as JSON with a fitting status.

Nothing that a client sends is a 500; a fault of the service tells nothing of itself, but to the log.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from components.errors import (
    AuditError,
    FrameError,
    ImageError,
    ImageTooLargeError,
    PromptError,
    SonoForgeError,
    TooManyFramesError,
)
from serving.engine.later import BusyError, LaterError, TooSlowError
from serving.engine.predictor import ImageGoneError, TooMuchWorkError
from serving.engine.proposals import ProposalGoneError
from serving.schema.errors import ErrorDetail, ErrorOut

STATUSES: tuple[tuple[type[SonoForgeError], int, str], ...] = (
    (TooManyFramesError, 413, "too_many_frames"),
    (ImageTooLargeError, 413, "image_too_large"),
    (FrameError, 422, "frame_outside"),
    (ImageError, 422, "image_unreadable"),
    (PromptError, 422, "prompts_invalid"),
    (ImageGoneError, 410, "image_gone"),
    (ProposalGoneError, 410, "prediction_gone"),
    (TooMuchWorkError, 413, "too_much_work"),
    (BusyError, 429, "busy"),
    (TooSlowError, 503, "too_slow"),
    (AuditError, 503, "not_recorded"),
)
"""The library's errors that are a client's fault, or no fault of anyone; the first kind that fits decides."""
NOT_RECORDED = ErrorDetail(
    code="not_recorded",
    message="the answer can't be entered into the log, and so isn't given",
    hint="tell whoever runs the service; its log says more",
)
RETRY_AFTER_S = 2
logger = logging.getLogger(__name__)


class RequestError(Exception):
    """A request that can't be answered, with the status and the error that the client gets.

    `retry_after_s` tells when it may be answered, for the statuses 429 and 503; `allow` which methods are, for 405.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str,
        retry_after_s: int = RETRY_AFTER_S,
        allow: Iterable[str] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = ErrorDetail(code=code, message=message, hint=hint)
        self.retry_after_s = retry_after_s
        self.allow = tuple(allow)


def json_response(answer: BaseModel, status: int = 200) -> Response:
    """An answer as JSON."""
    return Response(answer.model_dump_json(), status_code=status, media_type="application/json")


def _refused(status: int, detail: ErrorDetail) -> Response:
    return json_response(ErrorOut(error=detail), status)


def _on_request_error(error: Exception) -> Response:
    assert isinstance(error, RequestError)
    response = _refused(error.status, error.detail)
    if error.status in (429, 503):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 405:
        response.headers["Allow"] = ", ".join(error.allow)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="sonoforge"'
    return response


def _on_library_error(error: Exception) -> Response:
    assert isinstance(error, SonoForgeError)
    for kind, status, code in STATUSES:
        if isinstance(error, kind):
            detail = ErrorDetail(code=code, message=f"{error.found}; expected: {error.expected}", hint=error.remedy)
            if isinstance(error, AuditError):
                # Where the log lies, and what is wrong with it, is for those who run the service.
                logger.error("an answer couldn't be entered into the log: %s", error)
                detail = NOT_RECORDED
            response = _refused(status, detail)
            if status in (429, 503):
                after_s = error.retry_after_s if isinstance(error, LaterError) else RETRY_AFTER_S
                response.headers["Retry-After"] = str(after_s)
            return response
    return _on_own_error(error)


def _on_http_error(error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    hint = "GET /openapi.json lists what there is"
    response = _refused(error.status_code, ErrorDetail(code=code, message=error.detail, hint=hint))
    response.headers.update(error.headers or {})
    return response


def _on_disconnect(_: Exception) -> Response:
    """Nobody reads this answer; it only keeps the server from taking a lost connection for a fault of its own."""
    logger.info("a client went away before its request was whole")
    return _refused(400, ErrorDetail(code="request_incomplete", message="the request broke off", hint="send all of it"))


def _on_own_error(error: Exception) -> Response:
    logger.error("a request failed through a fault of the service", exc_info=error)
    detail = ErrorDetail(code="internal", message="the service failed", hint="tell whoever runs it; the log says more")
    return _refused(500, detail)


_ANSWERS: tuple[tuple[type[Exception], Callable[[Exception], Response]], ...] = (
    (RequestError, _on_request_error),
    (SonoForgeError, _on_library_error),
    (HTTPException, _on_http_error),
    (ClientDisconnect, _on_disconnect),
    (Exception, _on_own_error),
)
"""What answers an error; the first kind that fits decides."""


def answer_to(_: Request | None, error: Exception) -> Response:
    """The answer to a request that failed with an error."""
    return next(answer for kind, answer in _ANSWERS if isinstance(error, kind))(error)


HANDLERS: dict[type[Exception] | int, Callable[[Request, Exception], Response | Awaitable[Response]]] = {
    kind: answer_to for kind, _ in _ANSWERS
}
