"""The model card."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.http.asked import bedside_of, ready
from serving.http.refusals import json_response


async def show_model(request: Request) -> Response:
    """The model card, with the limits of the service."""
    return json_response(ready(bedside_of(request)).card())


ROUTES: tuple[BaseRoute, ...] = (Route("/v1/model", show_model, methods=["GET"]),)
