"""The web page and its files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import NotModifiedResponse, PathLike, StaticFiles
from starlette.types import Receive, Scope, Send

from serving.http.operations import Answer, Operation

WEB = Path(__file__).resolve().parents[2] / "web"
TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
_READING = ("GET", "HEAD")
_PARTS = (b"range", b"if-range")


class Whole(StaticFiles):
    """Files, always whole: who asks for a part of one gets all of it, as HTTP allows (RFC 9110, 14.2).

    A browser may keep them, for they hold nothing of anybody, and asks each time whether they are still the same. Their
    contents decide: packed files of two versions may have the same size and time.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in _READING:
            raise HTTPException(405, headers={"Allow": ", ".join(_READING)})
        headers = [each for each in scope["headers"] if each[0] not in _PARTS]
        await super().__call__({**scope, "headers": headers}, receive, send)

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """A file that must be revalidated by its contents; 304 where the browser has them."""
        response = FileResponse(full_path, status_code, stat_result=stat_result)
        response.headers["ETag"] = f'"{hashlib.sha256(Path(full_path).read_bytes()).hexdigest()}"'
        response.headers["Cache-Control"] = "no-cache"
        del response.headers["Last-Modified"]
        kept = self.is_not_modified(response.headers, Headers(scope=scope))
        return NotModifiedResponse(response.headers) if kept else response


async def show_page(request: Request) -> Response:
    """The web page."""
    request.scope["headers"] = [each for each in request.scope["headers"] if each[0] not in _PARTS]
    return FileResponse(WEB / "index.html")


def _files() -> tuple[str, ...]:
    return tuple(sorted(path.name for path in WEB.iterdir() if path.suffix in TYPES))


ROUTES: tuple[BaseRoute, ...] = (Route("/", show_page, methods=["GET"]), Mount("/web", Whole(directory=WEB)))
OPERATIONS = (
    Operation("/", "get", "page", "The web page", {200: (Answer("The page.", "text/html"),)}, tag="page"),
    Operation(
        "/web/{file}",
        "get",
        "page_file",
        "A file of the page",
        {200: tuple(Answer("The file.", kind) for kind in sorted(set(TYPES.values()))),
         304: (Answer("The file hasn't changed since.", "text/plain"),)},
        tag="page",
        errors=((404, "not_found"),),
        choices={"file": _files()},
    ),
)  # fmt: skip
