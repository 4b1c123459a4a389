"""A built Bento to how it behaves: started in a sandbox, asked the golden cases over HTTP, timed, its memory watched.

Latencies are a client's, on this machine's loopback: request, decoding, model, answer. Leaves out: building the Bento
(bento.py), and how slow or large it may be (checks).
"""

from __future__ import annotations

import io
import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image as PilImage

from components.errors import ReleaseError
from components.masks import from_rle
from components.release.packing.golden import Agreement, GoldenImage, agreement
from components.release.packing.sandbox import Sandbox, sandboxed
from components.types import Image, Mask, Prompt

START_LIMIT_S = 180.0
ANSWER_LIMIT_S = 120.0
MODEL_HEADER = "X-SonoForge-Model"
_AT_ONCE = 32
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Latency:
    """Median, 95th percentile and number of timed requests, in milliseconds."""

    p50_ms: float
    p95_ms: float
    n: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What a started Bento showed; `start_s` is from its start to its being ready."""

    start_s: float
    agreement: Agreement
    embed: Latency
    segment: Latency
    peak_memory_bytes: int


def try_bento(bento: Path, golden: Sequence[GoldenImage], *, digest: str, repeats: int) -> Trial:
    """Start a Bento's folder, send it the golden cases, and time `repeats` embeddings and clicks of each image.

    Parameters
    ----------
    bento
        The built Bento's folder, in which nothing is written.
    golden
        At least one image.
    digest
        The sha256 of the weights that must answer.

    Raises
    ------
    ReleaseError
        If it doesn't become ready within `START_LIMIT_S` seconds, ends, answers with an error, or with another model.
    """
    port = _free_port()
    # Compiled modules would be files that nobody judged.
    environment = {
        "BENTOML_DO_NOT_TRACK": "true",
        "DO_NOT_TRACK": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    begun_s = time.monotonic()
    with sandboxed(serving(bento, port), environment=environment) as sandbox, _client(port) as client:
        _wait(client, sandbox, until_s=begun_s + START_LIMIT_S)
        start_s = time.monotonic() - begun_s
        service = _Service(client, sandbox, digest)
        found = agreement(_answers(service, golden))
        embed_ms, segment_ms = _timed(service, golden, repeats=repeats)
        sandbox.stop()
        return Trial(start_s, found, _latency(embed_ms), _latency(segment_ms), sandbox.peak_memory_bytes)


def serving(bento: Path, port: int) -> list[str]:
    """The command that serves a Bento's folder on this machine's loopback."""
    command = [str(Path(sys.executable).with_name("bentoml")), "serve", str(bento), "--working-dir", str(bento / "src")]
    return [*command, "--host", "127.0.0.1", "--port", str(port)]


class _Service:
    """The endpoint's two calls, every answer checked."""

    def __init__(self, client: httpx.Client, sandbox: Sandbox, digest: str) -> None:
        self._client = client
        self._sandbox = sandbox
        self._digest = digest

    def embed(self, png: bytes) -> str:
        """Send an image; returns its id."""
        return str(self._post("/v1/images", files={"image": ("image.png", png)})["image"]["id"])

    def segment(self, image_id: str, prompts: Sequence[Prompt]) -> list[Mask]:
        """Ask about an embedded image."""
        fields = {"image_id": (None, image_id), "prompts": (None, _to_request(prompts))}
        answer = self._post("/v1/segment", files=fields)
        return [from_rle(thing["mask"]) for thing in answer["objects"]]

    def _post(self, path: str, files: Any) -> dict[str, Any]:
        try:
            answer = self._client.post(path, files=files)
        except httpx.HTTPError as error:
            raise _broken(f"it didn't answer {path}: {error!r}", self._sandbox) from None
        if answer.status_code != 200:
            raise _broken(f"it answered {path} with {answer.status_code}: {answer.text[:500]}", self._sandbox)
        if (found := answer.headers.get(MODEL_HEADER)) != self._digest:
            raise _broken(f"the weights {found} answered, not {self._digest}", self._sandbox)
        values: dict[str, Any] = answer.json()
        return values


def _client(port: int) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=ANSWER_LIMIT_S, trust_env=False)


def _wait(client: httpx.Client, sandbox: Sandbox, *, until_s: float) -> None:
    while sandbox.running:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > until_s:
            raise _broken(f"it wasn't ready within {START_LIMIT_S:g} s", sandbox)
        time.sleep(_POLL_S)
    raise _broken("it ended before it was ready", sandbox)


def _broken(what: str, sandbox: Sandbox) -> ReleaseError:
    return ReleaseError(
        f"the built Bento doesn't work: {what}; the last that it printed:\n{sandbox.last_words()}",
        expected="a service that starts and answers the golden cases",
        remedy="mend what it names, then `dvc repro package`",
    )


def _answers(service: _Service, golden: Sequence[GoldenImage]) -> Iterator[tuple[Mask, Mask]]:
    """The service's masks and those that were scored, case by case."""
    for one in golden:
        image_id = service.embed(_to_png(one.image))
        cases = iter(one.cases)
        while some := list(islice(cases, _AT_ONCE)):
            found = service.segment(image_id, [case.prompt for case in some])
            yield from zip(found, (case.mask for case in some), strict=True)


def _timed(service: _Service, golden: Sequence[GoldenImage], *, repeats: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each embedding, and of each click on what was embedded."""
    embed_ms: list[float] = []
    segment_ms: list[float] = []
    for number in range(repeats):
        for one in golden:
            # An image that was sent before isn't embedded again.
            png = _to_png(_marked(one.image, number))
            begun_s = time.perf_counter()
            image_id = service.embed(png)
            embedded_s = time.perf_counter()
            service.segment(image_id, [one.cases[number % len(one.cases)].prompt])
            embed_ms.append((embedded_s - begun_s) * 1e3)
            segment_ms.append((time.perf_counter() - embedded_s) * 1e3)
    return embed_ms, segment_ms


def _marked(image: Image, number: int) -> Image:
    """The image with another first pixel for each number."""
    marked = image.copy()
    marked[0, 0] = (~marked[0, 0, 0], number // 256 % 256, number % 256)
    return marked


def _latency(times_ms: Sequence[float]) -> Latency:
    p50_ms, p95_ms = np.percentile(times_ms, [50, 95])
    return Latency(round(float(p50_ms), 3), round(float(p95_ms), 3), len(times_ms))


def _to_request(prompts: Sequence[Prompt]) -> str:
    return json.dumps({"objects": [_to_object(prompt) for prompt in prompts]})


def _to_object(prompt: Prompt) -> Mapping[str, Any]:
    points = [{"x": point.x, "y": point.y, "positive": point.positive} for point in prompt.points]
    return {"points": points} if prompt.box_xyxy is None else {"box": prompt.box_xyxy, "points": points}


def _to_png(image: Image) -> bytes:
    buffer = io.BytesIO()
    PilImage.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
