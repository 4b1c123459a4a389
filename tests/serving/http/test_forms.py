"""Multipart bodies that mean harm: refused with a 4xx, in bounded memory and time."""

from __future__ import annotations

import json
import time

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from serving.http.reading import read_message
from serving.http.refusals import RequestError
from serving.schema.prompts import PromptsIn

BOX = json.dumps({"objects": [{"box": [31, 16, 60, 45]}]})
KIND = "multipart/form-data; boundary=b"


def part(name: str, value: bytes, *, filename: str | None = None, headers: bytes = b"") -> bytes:
    """One part of a body."""
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'Content-Disposition: form-data; name="{name}"{named}\r\n'.encode()
    return b"--b\r\n" + head + headers + b"\r\n" + value + b"\r\n"


def ask(client: TestClient, body: bytes, kind: str = KIND) -> tuple[int, str]:
    """Status and code of what POST /v1/segment answers; it must answer soon."""
    begun_s = time.monotonic()
    answer = client.post("/v1/segment", content=body, headers={"Content-Type": kind})
    assert time.monotonic() - begun_s < 3
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "body",
    [
        b"".join(part(f"x{number}", b"1") for number in range(5000)) + b"--b--\r\n",
        b"".join(part(f"x{number}", b"1", filename="a") for number in range(5000)) + b"--b--\r\n",
        b"--b\r\n" + b"X-A: 1\r\n" * 100_000 + b"\r\n\r\n--b--\r\n",
        b"--b\r\nX-A: " + b"x" * 2_000_000,
        b"--b\r\n" + b"x" * 2_000_000 + b": 1\r\n",
        part("image", b"x", filename="a", headers=b"X: 1\r\n" * 20) + b"--b--\r\n",
        part("prompts", BOX.encode()) * 2 + b"--b--\r\n",
        part("image", b"x", filename="a") * 2 + part("prompts", BOX.encode()) + b"--b--\r\n",
        b"--b\r\n\r\n\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        b"--b\nContent-Disposition: form-data; name=prompts\n\nx\n--b--\n",
        b"\r\n" * 500_000,
        b"--b" * 300_000,
    ],
    ids=lambda body: body[:12].decode() + str(len(body)),
)
def test_bodies_that_are_no_forms(client: TestClient, body: bytes) -> None:
    status, code = ask(client, body)
    assert (status, code) in ((400, "form_malformed"), (400, "prompts_missing"))


@pytest.mark.parametrize("charset", ["punycode", "idna", "utf-7", "zip", "unicode_escape", "nonsense", "undefined"])
def test_text_in_another_charset_is_refused_unread(client: TestClient, charset: str) -> None:
    body = part("prompts", b"a-" + b"z9" * 20_000) + b"--b--\r\n"
    assert ask(client, body, f"{KIND}; charset={charset}") == (400, "form_malformed")


def test_a_long_text_is_refused_while_it_comes(client: TestClient) -> None:
    assert ask(client, part("prompts", b"x" * 60_000) + b"--b--\r\n") == (413, "prompts_too_large")
    assert ask(client, part("other", b"x" * 60_000) + b"--b--\r\n") == (413, "field_too_large")
    assert ask(client, part("a\nb", b"x" * 60_000) + b"--b--\r\n")[0] in (400, 413)


@pytest.mark.parametrize(
    "prompts",
    [
        '{"objects": [{"box": [1, 2, 30, 40]}], "objects": [{"box": [1, 2, 30, 40]}]}',
        '{"objects": [{"box": [1, 2, 30, 40], "box": [0, 0, 9, 9]}]}',
        '{"objects": [{"points": [{"x": 1, "x": 2, "y": 3, "positive": true}]}]}',
        '{"objects": [{"box": [1, 2, 30, Infinity]}]}',
        '{"objects": [{"box": [1, 2, 30, 1e999]}]}',
        '{"objects": [{"box": [1, 2, 30, ' + "9" * 5000 + "]}]}",
        '{"objects": ' + "[" * 10_000 + "]" * 10_000 + "}",
        '{"objects": ' + '{"a":' * 5_000 + "1" + "}" * 5_000 + "}",
        '{"objects": [' + ",".join(["{}"] * 10_000) + "]}",
        '{"' + "x" * 40_000 + '": 1}',
        '{"objects": [{"box": [1, 2, 30, 40]}]} {}',
        '\ufeff{"objects": [{"box": [1, 2, 30, 40]}]}',
        '{"objects": [{"box": [1, 2, 30, 40]}], "\\ud800": 1}',
        "",
        "null",
        "1",
    ],
    ids=lambda text: text[:40],
)
def test_json_that_means_harm(client: TestClient, prompts: str) -> None:
    body = part("image", b"x", filename="a") + part("prompts", prompts.encode()) + b"--b--\r\n"
    status, code = ask(client, body)
    assert (status, code) in ((400, "prompts_not_json"), (422, "prompts_invalid"))


@pytest.mark.parametrize(
    "text",
    [
        '{"objects": [' + "[]," * 1_300_000 + "[]]}",
        '{"objects": [{"points": [' + "0," * 90_000 + "0]}]}",
        '{"objects": [{' + ",".join(f'"{n:x}": 1' for n in range(90_000)) + "}]}",
        '{"objects": [{"box": [1, 1, 20, 20]}], "more": [' + "1," * 90_000 + "1]}",
    ],
    ids=["arrays", "points", "keys", "unknown"],
)
def test_huge_json_is_refused_without_an_error_for_each_item(
    text: str,
) -> None:
    with pytest.raises(RequestError) as caught:
        read_message(PromptsIn, text.encode(), name="prompts", form="…")
    assert (caught.value.status, caught.value.detail.code) == (422, "prompts_invalid")
    checked = caught.value.__context__
    assert checked is None or (isinstance(checked, ValidationError) and checked.error_count() <= 2)
