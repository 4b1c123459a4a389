"""The web page and its files."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

WEB = Path(__file__).resolve().parents[2] / "web"


async def show_page(_: Request) -> Response:
    """The web page."""
    return FileResponse(WEB / "index.html")


ROUTES: tuple[BaseRoute, ...] = (Route("/", show_page, methods=["GET"]), Mount("/web", StaticFiles(directory=WEB)))
