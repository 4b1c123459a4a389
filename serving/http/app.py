"""The ASGI application: endpoints, page, errors, limits, headers. Any server can mount it.

A request passes the shield (what it may hold), then the guard (who may ask), then reaches an endpoint. Computing
happens in worker threads (serving/engine/lanes.py), so that health checks always answer. Leaves out: health and the
process (serving/service.py).
"""

from __future__ import annotations

import functools
import json

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.access.callers import HEALTH
from serving.bedside import Bedside
from serving.http.endpoints import (
    admin,
    export,
    feedback,
    health,
    images,
    metrics,
    model,
    openapi,
    page,
    segment,
    session,
)
from serving.http.guard import Guard
from serving.http.openapi import describe
from serving.http.operations import Operation
from serving.http.refusals import HANDLERS
from serving.http.shield import HEADERS, METHODS, Shield

ROUTES: tuple[BaseRoute, ...] = (
    *page.ROUTES,
    *session.ROUTES,
    *model.ROUTES,
    *images.ROUTES,
    *segment.ROUTES,
    *feedback.ROUTES,
    *export.ROUTES,
    *admin.ROUTES,
    *metrics.ROUTES,
    *openapi.ROUTES,
)
OPERATIONS: tuple[Operation, ...] = (
    *segment.OPERATIONS,
    *images.OPERATIONS,
    *feedback.OPERATIONS,
    *export.OPERATIONS,
    *model.OPERATIONS,
    *session.OPERATIONS,
    *openapi.OPERATIONS,
    *page.OPERATIONS,
    *health.OPERATIONS,
    *admin.OPERATIONS,
    *metrics.OPERATIONS,
)
"""The description of every route, and of health."""
READING = ("GET", "HEAD")


def build_app(bedside: Bedside, health: ASGIApp | None = None) -> ASGIApp:
    """The application over what a running service holds; `health` answers for the process, and nothing else."""
    inner = Starlette(routes=list(ROUTES), exception_handlers=HANDLERS)
    inner.router.redirect_slashes = False
    inner.state.bedside = bedside
    inner.state.description = functools.cache(lambda: _description(bedside))
    passed: ASGIApp = inner if health is None else _Parted(inner, health)
    return Shield(Guard(passed, gate=bedside.gate), bedside=bedside, methods_of=methods_of)


def methods_of(path: str) -> tuple[str, ...]:
    """The methods that a path knows; all of them for a path that isn't there."""
    for route in ROUTES:
        if isinstance(route, Route) and route.path == path:
            return tuple(sorted(route.methods or ()))
    return READING if path in HEALTH or path.startswith("/web/") else METHODS


def _description(bedside: Bedside) -> bytes:
    return json.dumps(describe(OPERATIONS, bedside.settings, headers=HEADERS)).encode("utf-8")


class _Parted:
    """Health and lifespan to one application, all else to the other."""

    def __init__(self, inner: ASGIApp, health: ASGIApp) -> None:
        self.inner, self.health = inner, health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        of_process = scope["type"] == "lifespan" or scope["path"] in HEALTH
        await (self.health if of_process else self.inner)(scope, receive, send)


class Front:
    """The application as a middleware of a server that has an application of its own: that one answers for health
    alone, and nothing else of it can be reached."""

    def __init__(self, app: ASGIApp, *, bedside: Bedside) -> None:
        self._app = build_app(bedside, health=app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
