"""A service that starts is asked and timed; one that doesn't, or answers wrongly, is named."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from components.errors import ReleaseError
from components.masks import to_rle
from components.release.packing import trial
from components.release.packing.golden import GoldenCase, GoldenImage
from components.release.packing.trial import try_bento
from components.types import Point, Prompt

# The endpoint in miniature: each image gets another id, and each prompt the mask that it is started with.
SERVICE = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
port, digest, status, counts = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
images = set()

class Handler(BaseHTTPRequestHandler):
    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("X-SonoForge-Model", digest)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, {"runtime": {"name": "onnxruntime", "version": "1", "told": "CPU"}})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/images":
            assert body not in images, "an image that was sent before costs nothing"
            images.add(body.partition(b"PNG")[2])
            self.answer(status, {"image": {"id": str(len(images))}})
        else:
            count = body.count(b'"points"')
            self.answer(status, {"objects": [{"mask": {"size": [4, 5], "counts": counts}}] * count})

HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
MASK = np.zeros((4, 5), dtype=bool)
MASK[1:3, 1:4] = True


def golden(*, mask: np.ndarray = MASK) -> list[GoldenImage]:
    prompts = (Prompt((0.0, 0.0, 5.0, 4.0)), Prompt(points=(Point(2.0, 2.0, True),)))
    cases = tuple(GoldenCase(f"busi/a/{index}", "box", prompt, mask) for index, prompt in enumerate(prompts))
    return [GoldenImage("busi", "a", True, np.zeros((4, 5, 3), dtype=np.uint8), cases)]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch):
    """Let a small server stand for BentoML's."""

    def chosen(*, digest: str = "d", status: int = 200, code: str = SERVICE) -> None:
        counts = to_rle(MASK)["counts"]
        monkeypatch.setattr(
            trial, "serving", lambda bento, port: [sys.executable, "-c", code, str(port), digest, str(status), counts]
        )

    return chosen


def test_answers_are_compared_and_timed(serve) -> None:
    serve()
    found = try_bento(Path("b"), golden(), digest="d", repeats=3)
    assert (found.agreement.cases, found.agreement.worst_share, found.agreement.worst_dice_difference) == (2, 0.0, 0.0)
    assert found.embed.n == found.segment.n == 3 and 0 < found.embed.p50_ms <= found.embed.p95_ms
    assert (found.runtime, found.runtime_told) == ("onnxruntime", "1 (CPU)")
    assert len(found.masks) == 2 and np.array_equal(found.masks[1], MASK)
    assert found.start_s > 0 and found.peak_memory_bytes > 1_000_000
    other = MASK.copy()
    other[1, 1] = False
    changed = try_bento(Path("b"), golden(mask=other), digest="d", repeats=1).agreement
    assert changed.worst_share == pytest.approx(1 / 20) and changed.worst_dice_difference == pytest.approx(1 - 10 / 11)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"digest": "e"}, "the weights e answered, not d"),
        ({"status": 422}, "it answered /v1/images with 422"),
        (
            {"code": "raise SystemExit('no model here')"},
            "it ended before it was ready; the last that it printed:\nno mo",
        ),
    ],
)
def test_a_service_that_doesnt_work_is_named(serve, how: dict[str, object], said: str) -> None:
    serve(**how)
    with pytest.raises(ReleaseError) as caught:
        try_bento(Path("b"), golden(), digest="d", repeats=1)
    assert said in caught.value.found and "dvc repro package" in caught.value.remedy


RIGHT = to_rle(MASK)["counts"]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (("<html>", ""), "its answer to /v1/images isn't understood: Invalid JSON"),
        (("[]", ""), "its answer to /v1/images isn't understood"),
        (('{"image": null}', ""), "its answer to /v1/images isn't understood: image"),
        (("{}", ""), "isn't understood: image: Field required"),
        ((None, '{"objects": []}'), "it answered 2 prompts with 0 masks"),
        ((None, '{"objects": [{}, {}]}'), "isn't understood: objects.0.mask"),
        ((None, [4, 5], "garbage"), "run lengths don't fill the image"),
        ((None, [4, 5], "\u00e9\u00e9"), "run lengths don't fill the image"),
        ((None, [9, 9], RIGHT), "it answered an image of (4, 5) pixels with a mask of (9, 9)"),
        ((None, [4, 5], ""), "run lengths don't fill the image"),
    ],
)
def test_what_a_service_answers_wrongly_is_named(monkeypatch, answers: tuple, said: str) -> None:
    """Without a process: what is sent back is all that matters."""
    image, *rest = answers
    objects = json.dumps({"objects": [{"mask": {"size": rest[0], "counts": rest[1]}}] * 2}) if rest[1:] else rest[0]
    bodies = {"/v1/images": '{"image": {"id": "1"}}' if image is None else image, "/v1/segment": objects}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=bodies[request.url.path], headers={trial.MODEL_HEADER: "d"})

    sandbox = SimpleNamespace(last_words=lambda: "its last words")
    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://service") as client:
        service = trial._Service(client, sandbox, "d")
        with pytest.raises(ReleaseError) as caught:
            list(trial._answers(service, golden()))
    assert said in caught.value.found and "its last words" in caught.value.found


DRIPS = """
import sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b".")
            self.wfile.flush()
            time.sleep(0.05)

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_service_whose_answer_drips_is_given_up(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(code=DRIPS)
    monkeypatch.setattr(trial, "START_LIMIT_S", 2.0)
    begun_s = time.monotonic()
    with pytest.raises(ReleaseError, match="it wasn't ready within 2 s"):
        try_bento(Path("b"), golden(), digest="d", repeats=1)
    assert time.monotonic() - begun_s < 30


def test_a_service_that_never_gets_ready_is_given_up(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(code="import time; time.sleep(60)")
    monkeypatch.setattr(trial, "START_LIMIT_S", 0.3)
    with pytest.raises(ReleaseError, match=r"it wasn't ready within 0\.3 s"):
        try_bento(Path("b"), golden(), digest="d", repeats=1)
