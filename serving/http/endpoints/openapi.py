"""The description of the service, for programs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.http.operations import JSON, Answer, Operation


async def show_openapi(request: Request) -> Response:
    """All endpoints as an OpenAPI document."""
    return Response(request.app.state.description(), media_type=JSON)


ROUTES: tuple[BaseRoute, ...] = (Route("/openapi.json", show_openapi, methods=["GET"]),)
OPERATIONS = (
    Operation(
        "/openapi.json",
        "get",
        "description",
        "This document",
        {200: (Answer("An OpenAPI 3.1 document.", JSON, {"type": "object", "required": ["openapi", "paths"]}),)},
    ),
)
