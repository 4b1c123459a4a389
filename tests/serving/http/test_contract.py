"""What the description says is what the service does: requests made from it, sound and unsound, and their answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks as found_by
from schemathesis.specs.openapi import checks
from starlette.types import ASGIApp, Receive, Scope, Send

from components.types import Image
from serving.access.callers import HEALTH
from serving.bedside import Bedside
from serving.http.app import OPERATIONS, build_app
from serving.http.operations import Operation
from tests.serving.scans import cine
from tests.serving.small import client_of

SOUND, UNSOUND = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
EXAMPLES = {SOUND: 5, UNSOUND: 12}
# A request of which schemathesis believes that it is unsound may be refused for another reason, too.
REFUSALS = ["400", "401", "403", "404", "405", "408", "410", "413", "415", "422", "429"]
CONFIG = schemathesis.Config.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}})
CHECKS = [
    found_by.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
CASES = [
    (mode, each)
    for each in OPERATIONS
    for mode in (SOUND, UNSOUND)
    if each.path not in HEALTH and (mode is SOUND or each.form or each.body)
]


@dataclass(frozen=True)
class OnThisMachine:
    """An application as a client on its own machine meets it."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, b"127.0.0.1:3000" if name == b"host" else value) for name, value in scope.get("headers", ())]
        ends = {"client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 3000)}
        await self.app({**scope, "headers": headers, **ends}, receive, send)


@pytest.fixture
def schema(bedside: Bedside) -> Any:
    """The description, as schemathesis reads it."""
    return schemathesis.openapi.from_asgi("/openapi.json", OnThisMachine(build_app(bedside)), config=CONFIG)


@pytest.mark.parametrize(
    ("mode", "operation"), CASES, ids=[f"{mode.value} {each.method} {each.path}" for mode, each in CASES]
)
def test_answers_are_as_described(schema: Any, mode: schemathesis.GenerationMode, operation: Operation) -> None:
    @given(case=schema[operation.path][operation.method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES[mode],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    send()


def test_good_answers_are_as_described(schema: Any, bedside: Bedside, image: Image) -> None:
    scan, prompts = cine(image, frames=2, mm=(0.2, 0.1)), json.dumps({"objects": [{"box": [31, 16, 60, 45]}]})
    with client_of(build_app(bedside)) as client:

        def ask(method: str, path: str, **given: Any) -> httpx.Response:
            answer = client.request(method, path, **given)
            assert answer.status_code == 200, answer.text
            schema[path][method.lower()].validate_response(answer)
            return answer

        file = {"image": ("scan.dcm", scan)}
        image_id = ask("POST", "/v1/images", files=file, data={"frame": "1"}).json()["image"]["id"]
        by_id = {"prompts": (None, prompts), "image_id": (None, image_id)}
        answer = ask("POST", "/v1/segment", files=by_id).json()
        outline = {"prediction": answer["prediction"], "index": 0, "mask": answer["objects"][0]["mask"]}
        ask("POST", "/v1/preview", files=file)
        edited = {"index": 0, "verdict": "edited", "mask": outline["mask"]}
        ask("POST", "/v1/feedback", json={"prediction": answer["prediction"], "objects": [edited]})
        objects = json.dumps({"objects": [{"name": "lesion", **outline}]})
        for kind in ("coco", "mask", "overlay", "seg", "sr"):
            ask("POST", "/v1/export", files=file, data={"format": kind, "frame": "1", "objects": objects})
        for path in ("/v1/model", "/v1/session", "/v1/admin/models", "/metrics", "/openapi.json", "/"):
            ask("GET", path)
        ask("POST", "/v1/admin/refresh")
        assert client.head("/v1/model").status_code == 200


def test_an_answer_that_is_not_as_described_is_found(schema: Any, bedside: Bedside) -> None:
    with client_of(build_app(bedside)) as client:
        answer = client.get("/v1/session")
    answer._content = b'{"who": null, "role": "all", "auth": "none"}'
    with pytest.raises(AssertionError):
        schema["/v1/session"]["get"].validate_response(answer)
