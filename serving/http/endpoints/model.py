"""The model card."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.http.asked import bedside_of, ready
from serving.http.operations import JSON, Answer, Operation
from serving.http.refusals import json_response
from serving.schema.card import CardOut


async def show_model(request: Request) -> Response:
    """The model card, with the limits of the service."""
    return json_response(ready(bedside_of(request)).card())


ROUTES: tuple[BaseRoute, ...] = (Route("/v1/model", show_model, methods=["GET"]),)
OPERATIONS = (
    Operation(
        "/v1/model",
        "get",
        "model",
        "The model card",
        {200: (Answer("The model that serves, its limits and its calibration.", JSON, CardOut),)},
        errors=((503, "not_ready"),),
    ),
)
