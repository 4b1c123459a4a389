"""What is refused before anybody reads it, what every answer carries, and that nothing of a client's is logged."""

from __future__ import annotations

import logging

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient
from starlette.types import Message, Scope

from serving.bedside import Bedside
from serving.http.app import Front, build_app
from serving.http.bodies import UNCOUNTED, Body, Held
from serving.http.refusals import RequestError
from serving.http.shield import HEADERS, Shield
from tests.serving.small import SETTINGS, client_of, with_limits


@pytest.fixture(scope="module")
def page() -> TestClient:
    """A client of a service that has no model yet."""
    return client_of(build_app(Bedside.of(SETTINGS)))


@pytest.mark.parametrize("path", ["/", "/web/style.css", "/v1/session", "/nowhere", "/v1/model"])
def test_every_answer_closes_doors(page: TestClient, path: str) -> None:
    answer = page.get(path, headers={"Origin": "http://127.0.0.1:3000"})
    kept = {"Cache-Control": "no-cache"} if path.startswith("/web/") else {}  # they hold nothing of anybody
    assert {name: answer.headers.get(name) for name in HEADERS} == {**HEADERS, **kept}
    assert not [name for name in answer.headers if name.startswith("access-control") or name == "server"]
    assert "strict-transport-security" not in answer.headers
    assert "'unsafe" not in HEADERS["Content-Security-Policy"] and "*" not in HEADERS["Content-Security-Policy"]


def test_over_tls_it_asks_for_tls(page: TestClient) -> None:
    assert "max-age" in page.get("https://127.0.0.1:3000/").headers["strict-transport-security"]


def test_large_headers_and_paths_are_refused(page: TestClient) -> None:
    for headers in ({"X-A": "x" * 20_000}, {f"X-{number}": "1" for number in range(101)}):
        assert page.get("/v1/session", headers=headers).status_code == 431
    assert page.get("/" + "x" * 3000).status_code == 414
    assert page.get("/v1/session?" + "x" * 3000).status_code == 414


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "NONSENSE"])
def test_other_methods_are_refused_everywhere(page: TestClient, method: str) -> None:
    for path in ("/", "/v1/segment", "/nowhere"):
        answer = page.request(method, path, headers={"Access-Control-Request-Method": "POST"})
        assert answer.status_code == 405 and answer.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("length", [str(10**9), "9" * 400])
def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(page: TestClient, length: str) -> None:
    answer = page.post("/v1/images", content=b"x", headers={"Content-Length": length})
    assert answer.status_code == 413 and answer.json()["error"]["code"] == "body_too_large"
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("length", ["-1", "+5", "0x10", "1, 1", "²", ""])
def test_a_length_that_is_no_number_is_refused(page: TestClient, length: str) -> None:
    answer = page.post("/v1/images", content=b"x", headers=[(b"content-length", length.encode())])
    assert answer.status_code == 400


def test_nothing_that_a_client_fills_is_logged(page: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    secret = "Doe^Jane"
    with caplog.at_level(logging.DEBUG):
        page.get(f"/{secret}?name={secret}", headers={"Authorization": f"Bearer {secret}", "User-Agent": secret})
        page.request(secret.upper().replace("^", ""), "/")
        files = {"image": (f"{secret}.png", secret.encode(), f"image/{secret}")}
        page.post("/v1/images", files=files, headers={"Cookie": secret})
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "asyncio"))]
    assert len(ours) >= 3 and not [line for line in ours if "Doe" in line or "DOE" in line]


def test_a_web_socket_is_closed() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    anyio.run(build_app(Bedside.of(SETTINGS)), {"type": "websocket", "path": "/", "headers": []}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_of_another_application_only_health_is_reached() -> None:
    async def theirs(scope: Scope, receive: object, send: object) -> None:
        if scope["type"] == "http":
            await PlainTextResponse("theirs")(scope, receive, send)  # type: ignore[arg-type]

    client = client_of(Front(theirs, bedside=Bedside.of(SETTINGS)))
    reached = [path for path in ("/livez", "/readyz", "/healthz") if client.get(path).text == "theirs"]
    assert reached == ["/livez", "/readyz", "/healthz"]
    for path in (
        "/",
        "/metrics",
        "/schema.json",
        "/docs.json",
        "/static_content/x",
        "/livez/",
        "//livez",
        "/healthz/x",
    ):
        assert client.get(path).text != "theirs", path
    assert client.get("/livez").headers["content-security-policy"]


def test_a_fault_before_the_endpoints_tells_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("inner secret")

    answer = client_of(Shield(broken, bedside=Bedside.of(SETTINGS))).get("/")
    assert answer.status_code == 500 and answer.json()["error"]["code"] == "internal"
    assert "secret" not in answer.text and "inner secret" in caplog.text
    assert answer.headers["content-security-policy"]


def test_all_bodies_together_are_bounded_and_clicks_pass() -> None:
    """A body that doesn't fit beside the others is told to come later; a small one always fits."""
    bedside = Bedside.of(with_limits(body_bytes=200_000, held_bytes=150_000))
    held: list[int] = []

    async def reads(scope: Scope, receive: object, send: object) -> None:
        await Request(scope, receive).body()  # type: ignore[arg-type]
        held.append(shield.held.now)
        await Response()(scope, receive, send)  # type: ignore[arg-type]

    shield = Shield(reads, bedside=bedside)
    client = client_of(shield)
    assert [client.post("/v1/x", content=bytes(200_000)).status_code for _ in range(3)] == [200] * 3
    assert held == [200_000 - UNCOUNTED] * 3 and shield.held.now == 0
    shield.held.take(100_000)
    refused = client.post("/v1/x", content=bytes(200_000))
    assert refused.status_code == 503 and refused.json()["error"]["code"] == "overloaded"
    assert refused.headers["retry-after"] and shield.held.now == 100_000
    assert client.post("/v1/x", content=bytes(UNCOUNTED)).status_code == 200


def body(pieces: list[tuple[float, bytes]], *, limits: dict[str, float], length: int | None = None) -> str:
    """How reading a body ends whose pieces come after so many seconds each."""
    headers = [(b"transfer-encoding", b"chunked")] if length is None else [(b"content-length", str(length).encode())]
    waiting = list(pieces)

    async def receive() -> Message:
        after_s, data = waiting.pop(0)
        await anyio.sleep(after_s)
        return {"type": "http.request", "body": data, "more_body": bool(waiting)}

    async def read() -> str:
        from starlette.datastructures import Headers

        chosen = with_limits(**limits).limits  # type: ignore[arg-type]
        reading = Body(receive, Headers(raw=headers), limits=chosen, held=Held(10**6))
        try:
            while not reading.complete:
                await reading.receive()
        except RequestError as error:
            return error.detail.code
        return "whole"

    return anyio.run(read)


def test_slow_bodies_are_refused() -> None:
    limits = {"idle_s": 0.05, "read_s": 0.12}
    assert body([(0, b"a"), (0.01, b"b"), (0.01, b"c")], limits=limits) == "whole"
    assert body([(0, b"a"), (1, b"b")], limits=limits) == "too_slow"
    assert body([(0.03, b"x")] * 20, limits=limits) == "too_slow", "always a little, and never whole"


def test_a_body_that_grows_over_the_limit_is_refused() -> None:
    limits = {"body_bytes": 2000.0}
    assert body([(0, bytes(1000)), (0, bytes(1000))], limits=limits) == "whole"
    assert body([(0, bytes(1000))] * 3, limits=limits) == "body_too_large"
