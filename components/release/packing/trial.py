"""A built Bento to how it behaves: started in a sandbox, asked the golden cases over HTTP, timed, its memory watched.

Latencies are a client's, on this machine's loopback: request, decoding, model, answer. Leaves out: building the Bento
(bento.py), and how slow or large it may be (checks).
"""

from __future__ import annotations

import io
import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image as PilImage
from pydantic import BaseModel, ValidationError

from components.errors import ReleaseError, first_fault
from components.masks import from_rle, to_rle
from components.places import AUDIT_VARIABLE
from components.release.packing.golden import Agreement, GoldenImage, agreement
from components.release.packing.sandbox import Sandbox, sandboxed
from components.types import Image, Mask, Prompt

START_LIMIT_S = 180.0
ANSWER_LIMIT_S = 120.0
MODEL_HEADER = "X-SonoForge-Model"
_AT_ONCE = 32
_POLL_S = 0.1
_POLL_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Median, 95th percentile and number of timed requests, in milliseconds."""

    p50_ms: float
    p95_ms: float
    n: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What a started Bento showed; `start_s` is from its start to its being ready.

    `runtime` is what ran its model, by its name, `runtime_told` its version and how it computed; `masks` (H W
    each) are its answers to the golden cases, in order.
    """

    start_s: float
    runtime: str
    runtime_told: str
    masks: tuple[Mask, ...]
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
    begun_s = time.monotonic()
    # The service works in the Bento's folder: its records must lie elsewhere.
    with tempfile.TemporaryDirectory(prefix="sonoforge-records-") as records:
        environment = {
            "BENTOML_DO_NOT_TRACK": "true",
            "DO_NOT_TRACK": "true",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            AUDIT_VARIABLE: str(Path(records) / "audit"),
        }
        with sandboxed(serving(bento, port), environment=environment) as sandbox, _client(port) as client:
            _wait(client, sandbox, until_s=begun_s + START_LIMIT_S)
            start_s = time.monotonic() - begun_s
            service = _Service(client, sandbox, digest)
            pairs = list(_answers(service, golden))
            runtime = service.runtime()
            embed_ms, segment_ms = _timed(service, golden, repeats=repeats)
            sandbox.stop()
            return Trial(
                start_s=start_s,
                runtime=runtime.name,
                runtime_told=f"{runtime.version} ({runtime.told})",
                masks=tuple(found for found, _ in pairs),
                agreement=agreement(pairs),
                embed=_latency(embed_ms),
                segment=_latency(segment_ms),
                peak_memory_bytes=sandbox.peak_memory_bytes,
            )


def serving(bento: Path, port: int) -> list[str]:
    """The command that serves a Bento's folder on this machine's loopback."""
    command = [str(Path(sys.executable).with_name("bentoml")), "serve", str(bento), "--working-dir", str(bento / "src")]
    return [*command, "--host", "127.0.0.1", "--port", str(port)]


class _MaskAnswer(BaseModel):
    size: tuple[int, int]
    counts: str


class _ObjectAnswer(BaseModel):
    mask: _MaskAnswer


class _SegmentAnswer(BaseModel):
    objects: list[_ObjectAnswer]


class _RuntimeAnswer(BaseModel):
    name: str
    version: str
    told: str


class _CardAnswer(BaseModel):
    runtime: _RuntimeAnswer


class _IdAnswer(BaseModel):
    id: str


class _ImageAnswer(BaseModel):
    image: _IdAnswer


def _misworded(path: str, error: ValidationError) -> str:
    return f"its answer to {path} isn't understood: {first_fault(error)}"


class _Service:
    """The endpoint's calls, every answer checked."""

    def __init__(self, client: httpx.Client, sandbox: Sandbox, digest: str) -> None:
        self._client = client
        self._sandbox = sandbox
        self._digest = digest

    def runtime(self) -> _RuntimeAnswer:
        """What runs its model, as its card says."""
        answer = self._answered("/v1/model", lambda: self._client.get("/v1/model"))
        try:
            return _CardAnswer.model_validate_json(answer).runtime
        except ValidationError as error:
            raise _broken(_misworded("/v1/model", error), self._sandbox) from None

    def embed(self, png: bytes) -> str:
        """Send an image; returns its id."""
        answer = self._post("/v1/images", files={"image": ("image.png", png)})
        try:
            return _ImageAnswer.model_validate_json(answer).image.id
        except ValidationError as error:
            raise _broken(_misworded("/v1/images", error), self._sandbox) from None

    def segment(self, image_id: str, prompts: Sequence[Prompt], *, size_hw: tuple[int, int]) -> list[Mask]:
        """Ask about an embedded image of this size; returns a mask (H W) for each prompt."""
        fields = {"image_id": (None, image_id), "prompts": (None, _to_request(prompts))}
        answer = self._post("/v1/segment", files=fields)
        try:
            objects = _SegmentAnswer.model_validate_json(answer).objects
        except ValidationError as error:
            raise _broken(_misworded("/v1/segment", error), self._sandbox) from None
        if len(objects) != len(prompts):
            raise _broken(f"it answered {len(prompts)} prompts with {len(objects)} masks", self._sandbox)
        return [self._mask(one.mask, size_hw) for one in objects]

    def _mask(self, given: _MaskAnswer, size_hw: tuple[int, int]) -> Mask:
        # Sizes are held against the image before anything is decoded: no answer makes us hold more than a mask.
        if given.size != size_hw:
            raise _broken(f"it answered an image of {size_hw} pixels with a mask of {given.size}", self._sandbox)
        try:
            mask = from_rle({"size": list(given.size), "counts": given.counts})
            sound = to_rle(mask)["counts"] == given.counts
        except (ValueError, TypeError):
            sound = False
        if not sound:
            raise _broken("it answered with a mask whose run lengths don't fill the image", self._sandbox)
        return mask

    def _post(self, path: str, files: Any) -> bytes:
        return self._answered(path, lambda: self._client.post(path, files=files))

    def _answered(self, path: str, ask: Callable[[], httpx.Response]) -> bytes:
        try:
            answer = ask()
        except httpx.HTTPError as error:
            raise _broken(f"it didn't answer {path}: {error!r}", self._sandbox) from None
        if answer.status_code != 200:
            raise _broken(f"it answered {path} with {answer.status_code}: {answer.text[:500]}", self._sandbox)
        if (found := answer.headers.get(MODEL_HEADER)) != self._digest:
            raise _broken(f"the weights {found} answered, not {self._digest}", self._sandbox)
        return answer.content


def _client(port: int) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=ANSWER_LIMIT_S, trust_env=False)


def _wait(client: httpx.Client, sandbox: Sandbox, *, until_s: float) -> None:
    while sandbox.running:
        with suppress(httpx.HTTPError):
            if _is_ready(client, until_s=until_s):
                return
        if time.monotonic() > until_s:
            raise _broken(f"it wasn't ready within {START_LIMIT_S:g} s", sandbox)
        time.sleep(_POLL_S)
    raise _broken("it ended before it was ready", sandbox)


def _is_ready(client: httpx.Client, *, until_s: float) -> bool:
    """Ask once, reading no more than comes by a time of the monotonic clock: an answer may drip for ever."""
    with client.stream(
        "GET", "/readyz", timeout=min(_POLL_LIMIT_S, max(until_s - time.monotonic(), _POLL_S))
    ) as answer:
        for _ in answer.iter_raw():
            if time.monotonic() > until_s:
                return False
        return answer.status_code == 200


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
            found = service.segment(image_id, [case.prompt for case in some], size_hw=_size_of(one))
            yield from zip(found, (case.mask for case in some), strict=True)


def _size_of(golden: GoldenImage) -> tuple[int, int]:
    return golden.image.shape[0], golden.image.shape[1]


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
            service.segment(image_id, [one.cases[number % len(one.cases)].prompt], size_hw=_size_of(one))
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
