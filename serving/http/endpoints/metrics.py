"""Numbers about the process, for Prometheus."""

from __future__ import annotations

import prometheus_client
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route


async def show_metrics(_: Request) -> Response:
    """What the process counts of itself."""
    return Response(prometheus_client.generate_latest(), media_type=prometheus_client.CONTENT_TYPE_LATEST)


ROUTES: tuple[BaseRoute, ...] = (Route("/metrics", show_metrics, methods=["GET"]),)
