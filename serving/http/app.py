"""The ASGI application: endpoints, page, errors, limits, headers. Any server can mount it.

Computing happens in worker threads (serving/engine/lanes.py), so that health checks always answer. Leaves out: health,
metrics and the process (serving/service.py).
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from serving.bedside import Bedside
from serving.http.endpoints import images, model, page, segment
from serving.http.refusals import HANDLERS
from serving.http.shield import Shield

ROUTES: tuple[BaseRoute, ...] = (*page.ROUTES, *model.ROUTES, *images.ROUTES, *segment.ROUTES)


def build_app(bedside: Bedside) -> ASGIApp:
    """The application over what a running service holds."""
    inner = Starlette(routes=list(ROUTES), exception_handlers=HANDLERS)
    inner.state.bedside = bedside
    return Shield(inner, bedside=bedside)
