"""What an endpoint asks of the running service: its parts, a model that is ready, and answers with their timing."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from serving.bedside import Bedside
from serving.engine.predictor import Predictor
from serving.http.refusals import RequestError, json_response
from serving.operation.records import Records
from serving.schema.answers import EmbedOut, SegmentOut


def bedside_of(request: Request) -> Bedside:
    """The parts of the service that a request came to."""
    bedside = request.app.state.bedside
    assert isinstance(bedside, Bedside)
    return bedside


def ready(bedside: Bedside) -> Predictor:
    """The model that serves now."""
    if (predictor := bedside.models.current) is None:
        raise RequestError(503, "not_ready", "no model is loaded yet", hint="try again when /readyz answers 200")
    return predictor


def recording(bedside: Bedside) -> Records:
    """What keeps records; without it nothing is answered."""
    if bedside.records is None:
        raise RequestError(503, "not_ready", "no log is open yet", hint="try again when /readyz answers 200")
    return bedside.records


def timed(answer: EmbedOut | SegmentOut) -> Response:
    """An answer as JSON that says in its headers which model gave it, and where the time went."""
    response = json_response(answer)
    response.headers["X-SonoForge-Model"] = answer.model.digest
    steps = answer.timing_ms.model_dump()
    response.headers["Server-Timing"] = ", ".join(f"{name};dur={ms:g}" for name, ms in steps.items())
    return response
