"""The endpoints answer as interfaces promise; nothing that a client sends is a 500."""

from __future__ import annotations

import io
import json
import re

import anyio
import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage
from starlette.testclient import TestClient
from starlette.types import Message

from components.artefacts import ModelDescription
from components.masks import from_rle
from components.promptable.calibration import UNCALIBRATED
from components.promptable.predict import segment
from components.promptable.runtimes.pytorch import PyTorch
from components.types import Image, Prompt
from serving.bedside import Bedside
from serving.http.app import build_app
from serving.http.endpoints.page import WEB
from tests.serving.small import SETTINGS, client_of

Loaded = tuple[PyTorch, ModelDescription]
BOX = {"objects": [{"box": [31, 16, 60, 45]}]}


def ask(client: TestClient, png: bytes | None, prompts: object = BOX, **fields: str) -> httpx.Response:
    """POST /v1/segment."""
    files = {"image": ("scan.png", png, "image/png")} if png is not None else {"none": ("", b"")}
    text = prompts if isinstance(prompts, str) else json.dumps(prompts)
    return client.post("/v1/segment", files=files, data={"prompts": text, **fields})


def check_error(response: httpx.Response, status: int, code: str) -> None:
    """The answer is an error in the agreed form."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json"), response.text
    error = response.json()["error"]
    assert set(error) == {"code", "message", "hint"} and error["code"] == code, error
    assert error["message"] and error["hint"]


def test_a_mask_comes_back_in_the_agreed_form(client: TestClient, loaded: Loaded, image: Image, png: bytes) -> None:
    response = ask(client, png)
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"prediction", "model", "image", "objects", "timing_ms"}
    assert set(body["model"]) == {"name", "version", "digest", "runtime"}
    assert set(body["image"]) == {"width", "height", "id", "frame", "frames", "guard", "regions"}
    (found,) = body["objects"]
    trust = {"quality", "confidence", "abstain", "reasons"}
    assert set(found) == {"mask", "polygons", "box", "area_px", "measurements"} | trust
    assert (body["image"]["guard"], found["confidence"], found["abstain"]) == (None, None, None)
    assert found["reasons"] == [UNCALIBRATED]
    expected = segment(loaded[0], image, [Prompt((31.0, 16.0, 60.0, 45.0))])[0].mask
    np.testing.assert_array_equal(from_rle(found["mask"]), expected)
    assert response.headers["x-sonoforge-model"] == body["model"]["digest"]
    assert re.search(r"total;dur=[\d.]+", response.headers["server-timing"])


def test_an_image_sent_once_is_asked_about_by_its_id(client: TestClient, png: bytes) -> None:
    sent = client.post("/v1/images", files={"image": png})
    assert sent.status_code == 200
    image_id = sent.json()["image"]["id"]
    by_id, at_once = ask(client, None, image_id=image_id), ask(client, png)
    assert by_id.json()["objects"] == at_once.json()["objects"]
    assert by_id.json()["timing_ms"]["embed"] == 0


def test_prompts_may_come_as_a_file(client: TestClient, png: bytes) -> None:
    files = {"image": ("scan.png", png), "prompts": ("prompts.json", json.dumps(BOX))}
    assert client.post("/v1/segment", files=files).status_code == 200


def test_the_preview_is_the_decoded_image(client: TestClient, image: Image, png: bytes) -> None:
    response = client.post("/v1/preview", files={"image": png})
    np.testing.assert_array_equal(np.asarray(PilImage.open(io.BytesIO(response.content))), image)


def test_the_model_card(client: TestClient) -> None:
    card = client.get("/v1/model").json()
    assert card["phantom"] is True and "Not a medical device" in card["intended_use"]
    assert card["limits"]["body_bytes"] == 3_000_000
    assert card["calibration"]["calibrated"] is False and card["calibration"]["told"] == UNCALIBRATED


def test_the_page_needs_nothing_from_outside(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for file in WEB.iterdir():
        text = file.read_text(encoding="utf-8")
        addresses = set(re.findall(r"https?://[^\s\"'`)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not addresses, file.name
        assert client.get(f"/web/{file.name}").status_code == 200
    for linked in re.findall(r'(?:src|href)="([^"#]+)"', page.text):
        assert client.get(f"/{linked.lstrip('/')}").status_code == 200, linked


@pytest.mark.parametrize(
    ("prompts", "status", "code"),
    [
        ("{", 400, "prompts_not_json"),
        ("nonsense", 400, "prompts_not_json"),
        ("[" * 40_000, 400, "prompts_not_json"),
        ('{"objects": [{"box": [NaN, 0, 5, 5]}]}', 422, "prompts_invalid"),
        ({"objects": []}, 422, "prompts_invalid"),
        ({"objects": [{}]}, 422, "prompts_invalid"),
        ({"objects": [{"box": [0, 0, 500, 5]}]}, 422, "prompts_invalid"),
        ({"objects": [{"points": [{"x": -1, "y": 5}]}]}, 422, "prompts_invalid"),
        ({"objects": [{"box": [0, 0, 5, 5]}] * 65}, 422, "prompts_invalid"),
        ("[" + "0," * 200_000 + "0]", 413, "prompts_too_large"),
    ],
)
def test_bad_prompts(client: TestClient, png: bytes, prompts: object, status: int, code: str) -> None:
    check_error(ask(client, png, prompts), status, code)


def test_bad_images(client: TestClient, png: bytes) -> None:
    check_error(ask(client, b"hello"), 422, "image_unreadable")
    check_error(ask(client, b""), 422, "image_unreadable")
    check_error(ask(client, png[:-30]), 422, "image_unreadable")
    large = io.BytesIO()
    PilImage.new("L", (500, 500)).save(large, "PNG")
    check_error(ask(client, large.getvalue()), 413, "image_too_large")
    check_error(client.post("/v1/images", files={"image": b"hello"}), 422, "image_unreadable")
    check_error(client.post("/v1/preview", files={"image": b"hello"}), 422, "image_unreadable")
    many = {"objects": [{"box": [0, 0, 5, 5]}] * 60}
    middle = io.BytesIO()
    PilImage.new("L", (200, 200)).save(middle, "PNG")
    check_error(ask(client, middle.getvalue(), many), 413, "too_much_work")


def test_bad_requests(client: TestClient, png: bytes) -> None:
    check_error(client.get("/nowhere"), 404, "not_found")
    check_error(client.get("/web/nothing.js"), 404, "not_found")
    check_error(client.get("/web/..%2f..%2fpyproject.toml"), 404, "not_found")
    refused = client.get("/v1/segment")
    check_error(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "POST"
    check_error(client.post("/v1/segment", json=BOX), 415, "not_multipart")
    check_error(client.post("/v1/segment", files={"image": png}), 400, "prompts_missing")
    check_error(ask(client, None), 400, "image_missing")
    check_error(ask(client, png, image_id="0" * 64), 400, "image_twice")
    check_error(ask(client, None, image_id="0" * 64), 410, "image_gone")
    files = {"image_id": ("a", b"x"), "prompts": ("p", json.dumps(BOX))}
    check_error(client.post("/v1/segment", files=files), 400, "image_id_invalid")
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x; charset=nothing"):
        response = client.post("/v1/segment", content=b"rubbish", headers={"content-type": kind})
        check_error(response, 400, "form_malformed" if "boundary" not in kind else response.json()["error"]["code"])
    text = {"image": "not a file", "prompts": json.dumps(BOX)}
    check_error(client.post("/v1/segment", data=text, files={"x": b""}), 400, "image_missing")


@pytest.mark.parametrize("image_id", ["../../etc", "", "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n", "x" * 40_000])
def test_an_id_that_cannot_be_one_is_refused_and_never_repeated(client: TestClient, image_id: str) -> None:
    response = ask(client, None, image_id=image_id)
    check_error(response, 422, "image_id_invalid")
    assert len(response.content) < 400


@pytest.mark.parametrize("field", ["image_id", "prompts", "image", "other"])
@pytest.mark.parametrize("text", [b"+2AA-", b"+2AA-" * 9, b"\xff\xfe", b'{"+2AA-": 1}'])
def test_text_that_is_no_unicode_is_the_clients_fault(client: TestClient, field: str, text: bytes) -> None:
    # In UTF-7, which a client may name as the form's charset, +2AA- is half of a surrogate pair.
    fields = {"prompts": json.dumps(BOX).encode(), "image_id": b"0" * 64} | {field: text}
    parts = (
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (n.encode(), v) for n, v in fields.items()
    )
    kind = "multipart/form-data; boundary=b; charset=utf-7"
    response = client.post("/v1/segment", content=b"".join(parts) + b"--b--\r\n", headers={"content-type": kind})
    assert 400 <= response.status_code < 500, response.text
    assert set(response.json()["error"]) == {"code", "message", "hint"}


def test_bodies_over_the_limit(client: TestClient) -> None:
    check_error(client.post("/v1/images", files={"image": bytes(10_000_000)}), 413, "body_too_large")
    check_error(ask(client, b"x", "9" * 10_000_000), 413, "body_too_large")


def test_without_a_model_it_says_so(png: bytes) -> None:
    with client_of(build_app(Bedside.of(SETTINGS))) as waiting:
        response = ask(waiting, png)
        check_error(response, 503, "not_ready")
        assert response.headers["retry-after"]
        assert waiting.get("/").status_code == 200


def test_a_fault_of_the_service_tells_nothing_of_itself(
    client: TestClient, png: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("serving.engine.batching.to_batch", broken)
    response = ask(client, png)
    check_error(response, 500, "internal")
    assert "secret" not in response.text
    assert "secret" in caplog.text, "whoever runs it must see it"


@pytest.mark.filterwarnings("ignore:Unclosed file")  # Starlette leaves a body's last part open where it breaks off
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=400), kind=st.sampled_from(["multipart/form-data; boundary=b", "text/plain", "x"]))
def test_random_bodies_are_the_clients_fault(client: TestClient, body: bytes, kind: str) -> None:
    wrapped = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + body
    for content in (body, wrapped, wrapped + b"\r\n--b--\r\n"):
        response = client.post("/v1/segment", content=content, headers={"content-type": kind})
        assert 400 <= response.status_code < 500, response.text
        assert set(response.json()["error"]) == {"code", "message", "hint"}


def test_a_client_that_goes_away_is_no_fault_of_the_service(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    begun = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nhalf'
    incoming: list[Message] = [
        {"type": "http.request", "body": begun, "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(_: Message) -> None:
        """Nobody listens."""

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/segment",
        "query_string": b"",
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"multipart/form-data; boundary=b"),
            (b"transfer-encoding", b"chunked"),
        ],
        "server": ("127.0.0.1", 3000),
        "client": ("127.0.0.1", 50000),
    }
    with caplog.at_level("DEBUG"):
        anyio.run(client.app, scope, receive, send)
    (record,) = [record for record in caplog.records if record.name == "serving.http.refusals"]
    assert record.levelname == "INFO" and record.exc_info is None and "went away" in record.getMessage()
