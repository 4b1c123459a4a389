"""Who asks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.access import caller_of
from serving.http.examples import SESSION
from serving.http.operations import JSON, Answer, Operation
from serving.http.refusals import json_response
from serving.schema.session import SessionOut


async def show_session(request: Request) -> Response:
    """Who asks, and what they may do."""
    caller = caller_of(request)
    return json_response(SessionOut(who=caller.who, role=caller.role, auth=caller.auth))


ROUTES: tuple[BaseRoute, ...] = (Route("/v1/session", show_session, methods=["GET"]),)
OPERATIONS = (
    Operation(
        "/v1/session",
        "get",
        "session",
        "Who asks",
        {200: (Answer("Who asks, and what they may do.", JSON, SessionOut, example=SESSION),)},
    ),
)
