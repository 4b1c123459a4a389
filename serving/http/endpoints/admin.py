"""Which models serve; for those who run the service."""

from __future__ import annotations

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.bedside import Bedside
from serving.http.asked import bedside_of
from serving.http.operations import JSON, Answer, Operation
from serving.http.refusals import json_response
from serving.schema.admin import FailureOut, ModelsOut


async def show_models(request: Request) -> Response:
    """Which model serves, which ones still answer, and what became of the last switch."""
    return json_response(_told(bedside_of(request)))


async def look_again(request: Request) -> Response:
    """Look now which model should serve, also where that failed before."""
    bedside = bedside_of(request)
    if bedside.switching is not None:
        await anyio.to_thread.run_sync(lambda: bedside.switching and bedside.switching.look(again=True))
    return json_response(_told(bedside))


def _told(bedside: Bedside) -> ModelsOut:
    current, switching = bedside.models.current, bedside.switching
    failure = None if switching is None else switching.failure
    return ModelsOut(
        serving=None if current is None else current.model,
        former=[each.model for each in bedside.models.former],
        coming=None if switching is None else switching.coming,
        failure=None if failure is None else FailureOut(digest=failure.digest, why=failure.why, at=failure.at),
        watching=switching is not None,
    )


ROUTES: tuple[BaseRoute, ...] = (
    Route("/v1/admin/models", show_models, methods=["GET"]),
    Route("/v1/admin/refresh", look_again, methods=["POST"]),
)
_MODELS = Answer("Which model serves, which still answer, and what became of the last switch.", JSON, ModelsOut)
OPERATIONS = (
    Operation("/v1/admin/models", "get", "models", "Which models serve", {200: (_MODELS,)}, tag="administrate"),
    Operation(
        "/v1/admin/refresh",
        "post",
        "refresh",
        "Look now which model should serve",
        {200: (_MODELS,)},
        tag="administrate",
        about="Also where that failed before. It answers when the look is over.",
    ),
)
