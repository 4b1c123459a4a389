"""Numbers about the service, for Prometheus."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.http.asked import bedside_of
from serving.http.operations import Answer, Operation


async def show_metrics(request: Request) -> Response:
    """What the service counts of itself."""
    return Response(bedside_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)


ROUTES: tuple[BaseRoute, ...] = (Route("/metrics", show_metrics, methods=["GET"]),)
OPERATIONS = (
    Operation(
        "/metrics",
        "get",
        "metrics",
        "What the service counts",
        {200: (Answer("Metrics as Prometheus reads them.", "text/plain"),)},
        tag="administrate",
    ),
)
