"""The page's files are kept by browsers, and asked about each time; the page itself isn't kept."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from serving.http.endpoints.page import Whole


def test_files_are_kept_and_asked_about(client: TestClient) -> None:
    first = client.get("/web/main.js")
    assert first.headers["cache-control"] == "no-cache" and "last-modified" not in first.headers
    again = client.get("/web/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache" and "content-security-policy" in again.headers
    other = client.get("/web/main.js", headers={"If-None-Match": client.get("/web/desk.js").headers["etag"]})
    assert other.status_code == 200 and other.content == first.content
    later = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    assert client.get("/web/main.js", headers=later).status_code == 200
    for path in ("/", "/web/nothing.js"):
        assert client.get(path).headers["cache-control"] == "no-store"


def test_contents_decide_not_size_and_time(tmp_path: Path) -> None:
    client = TestClient(Starlette(routes=[Mount("/web", Whole(directory=tmp_path))]))
    file = tmp_path / "a.js"
    tags = []
    for text in ("let a = 1;", "let a = 2;"):
        file.write_text(text)
        os.utime(file, (10**9, 10**9))
        tags.append(client.get("/web/a.js").headers["etag"])
    assert tags[0] != tags[1]
    assert client.get("/web/a.js", headers={"If-None-Match": tags[0]}).text == "let a = 2;"
