"""Roles over HTTP: 401 without a name, 403 without the role, 429 for who keeps on failing; no credentials in logs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from components.tokens import make_token
from serving.access.gate import Gate
from serving.bedside import Bedside
from serving.engine.predictor import Predictor
from serving.http.app import build_app
from tests.serving.small import SETTINGS, client_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ABROAD = "http://192.168.1.7:3000"


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    """A token of each role, in the file `tokens`."""
    return {role: make_token(tmp_path / "tokens", role, role=role, now=NOW) for role in ("use", "administrate")}  # type: ignore[arg-type]


@pytest.fixture
def bedside(tmp_path: Path, tokens: dict[str, str]) -> Bedside:
    """A service with access by token, without a model yet."""
    access = SETTINGS.access.model_copy(update={"mode": "token", "failures_per_minute": 4})
    bedside = Bedside.of(SETTINGS.model_copy(update={"access": access}))
    bedside.gate = Gate(access, {"SONOFORGE_TOKENS": str(tmp_path / "tokens")})
    bedside.gate.start(["0.0.0.0"])
    return bedside


@pytest.fixture
def client(bedside: Bedside) -> TestClient:
    """A client elsewhere."""
    return client_of(build_app(bedside), url=ABROAD, address="192.168.1.9")


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


def test_page_and_health_are_open_and_nothing_else(
    bedside: Bedside, client: TestClient, tokens: dict[str, str], predictor: Predictor
) -> None:
    bedside.models.install(predictor)
    for path in ("/", "/web/style.css"):
        answer = client.get(path)
        assert answer.status_code == 200 and "x-sonoforge-model" not in answer.headers
    for path in ("/v1/session", "/v1/model", "/openapi.json", "/metrics", "/v1/admin/models", "/nowhere", "/web"):
        answer = client.get(path)
        assert answer.status_code in (401, 429), path
        assert "x-sonoforge-model" not in answer.headers
    known = client.get("/v1/session", headers=bearer(tokens["use"]))
    assert known.headers["x-sonoforge-model"] == predictor.description.digest


def test_without_a_token_one_is_asked_for_one(client: TestClient) -> None:
    answer = client.get("/v1/session")
    assert answer.json()["error"]["code"] == "token_missing"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert client.post("/v1/segment", files={"image": b"x"}).status_code == 401


def test_a_role_opens_what_it_is_good_for(client: TestClient, tokens: dict[str, str]) -> None:
    session = client.get("/v1/session", headers=bearer(tokens["use"]))
    assert session.json() == {"who": "use", "role": "use", "auth": "token"}
    for path in ("/metrics", "/v1/admin/models"):
        refused = client.get(path, headers=bearer(tokens["use"]))
        assert refused.status_code == 403 and refused.json()["error"]["code"] == "role_missing"
    assert client.get("/metrics", headers=bearer(tokens["administrate"])).status_code == 200
    assert client.get("/v1/session", headers=bearer(tokens["administrate"])).json()["role"] == "administrate"


def test_who_keeps_on_failing_waits_but_a_token_always_passes(client: TestClient, tokens: dict[str, str]) -> None:
    answers = [client.get("/v1/session", headers=bearer(f"guess{number}")) for number in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 4 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert client.get("/v1/session", headers=bearer(tokens["use"])).status_code == 200


def test_refusals_are_told_and_credentials_never(
    bedside: Bedside, client: TestClient, tokens: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[str, str | None]] = []
    bedside.gate.on_refused = lambda code, who: told.append((code, who))
    with caplog.at_level(logging.DEBUG):
        client.get("/v1/session")
        client.get("/v1/session", headers=bearer("a-wrong-secret"))
        client.get("/metrics", headers=bearer(tokens["use"]))
        for _ in range(5):
            client.get("/v1/session", headers=bearer("a-wrong-secret"))
    assert told[:3] == [("token_missing", None), ("token_unknown", None), ("role_missing", "use")] and len(told) == 8
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("serving")]
    assert len([line for line in ours if line.startswith("refused")]) == 4, "over the limit nothing is logged either"
    assert "secret" not in caplog.text and tokens["use"] not in caplog.text


def test_on_this_machine_everybody_administrates() -> None:
    session = client_of(build_app(Bedside.of(SETTINGS))).get("/v1/session")
    assert session.json() == {"who": None, "role": "administrate", "auth": "none"}


def test_without_access_an_address_of_another_machine_gets_nothing() -> None:
    app = build_app(Bedside.of(SETTINGS))
    for url, address in ((ABROAD, "192.168.1.9"), ("http://127.0.0.1:3000", "192.168.1.9")):
        answer = client_of(app, url=url, address=address).get("/v1/session", headers={"Host": "127.0.0.1:3000"})
        assert answer.status_code == 403 and answer.json()["error"]["code"] == "access_required"


def test_a_foreign_page_reaches_nothing() -> None:
    client = client_of(build_app(Bedside.of(SETTINGS)))
    for headers, code in (
        ({"Host": "evil.com"}, "host_unknown"),
        ({"Origin": "http://evil.com"}, "cross_site"),
        ({"Sec-Fetch-Site": "cross-site"}, "cross_site"),
    ):
        for method, path in (
            ("POST", "/v1/segment"),
            ("POST", "/v1/images"),
            ("GET", "/v1/model"),
            ("GET", "/metrics"),
        ):
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 403 and answer.json()["error"]["code"] == code, (path, headers)
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200, "a link to the page is fine"
