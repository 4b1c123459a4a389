"""A request ends when its client goes away or it has taken too long; a full lane and its Retry-After reach clients."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image as PilImage
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from components.artefacts import ModelDescription
from components.params import ServingParams
from components.promptable.runtimes.pytorch import PyTorch
from components.types import Image
from serving.bedside import Bedside
from serving.engine.later import TooSlowError
from serving.engine.predictor import Predictor
from serving.http.app import build_app
from serving.http.attending import attend
from tests.serving.small import LOCAL, SETTINGS

WAIT_S = 30.0
BOX = {"objects": [{"box": [31, 16, 60, 45]}]}


def with_lanes(*, workers: int = 1, queue: int = 64, request_s: float = 60.0) -> ServingParams:
    """The settings with other lanes."""
    lanes = SETTINGS.lanes
    kinds = {
        name: getattr(lanes, name).model_copy(update={"workers": workers, "queue": queue})
        for name in ("decode", "embed", "segment")
    }
    return SETTINGS.model_copy(update={"lanes": lanes.model_copy(update={**kinds, "request_s": request_s})})


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Play a scene in an event loop, no longer than it should take."""
    asyncio.run(asyncio.wait_for(scene(), WAIT_S))


class Client:
    """A client that has sent its request, and may go away."""

    def __init__(self, bedside: Bedside) -> None:
        self._gone = asyncio.Event()
        app = Starlette()
        app.state.bedside = bedside
        self.request = Request({"type": "http", "app": app, "headers": []}, self._receive)

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def go(self) -> None:
        """The connection is lost."""
        self._gone.set()


def test_a_client_that_goes_away_leaves_the_queue() -> None:
    async def scene() -> None:
        bedside, go_on, begun = Bedside.of(with_lanes()), threading.Event(), list[str]()

        def call(name: str) -> str:
            begun.append(name)
            assert go_on.wait(WAIT_S)
            return name

        first, second, third = (Client(bedside) for _ in range(3))
        asked = [
            asyncio.create_task(attend(client.request, bedside.lanes.embed(call, name)))
            for client, name in ((first, "first"), (second, "second"), (third, "third"))
        ]
        while bedside.lanes.states()["embed"].waiting < 2 or not begun:
            await asyncio.sleep(0)
        second.go()
        with pytest.raises(ClientDisconnect):
            await asked[1]
        assert bedside.lanes.states()["embed"].waiting == 1
        first.go()
        with pytest.raises(ClientDisconnect):
            await asked[0]
        go_on.set()
        assert await asked[2] == "third" and begun == ["first", "third"]

    run(scene)


def test_a_request_that_takes_too_long_is_told_so() -> None:
    async def scene() -> None:
        bedside, go_on = Bedside.of(with_lanes(request_s=0.02)), threading.Event()
        with pytest.raises(TooSlowError) as refused:
            await attend(Client(bedside).request, bedside.lanes.segment(go_on.wait, WAIT_S))
        assert refused.value.retry_after_s == 1 and bedside.lanes.states()["segment"].in_flight == 1
        go_on.set()

    run(scene)


def test_an_error_of_the_work_comes_as_it_is() -> None:
    def broken() -> None:
        raise KeyError("broken")

    async def scene() -> None:
        bedside = Bedside.of(with_lanes())
        with pytest.raises(KeyError, match="broken"):
            await attend(Client(bedside).request, bedside.lanes.segment(broken))

    run(scene)


def _png(image: Image) -> bytes:
    buffer = io.BytesIO()
    PilImage.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


async def _embed(client: httpx.AsyncClient, png: bytes) -> httpx.Response:
    return await client.post("/v1/images", files={"image": ("scan.png", png, "image/png")})


async def _click(client: httpx.AsyncClient, image_id: str, prompts: object = BOX) -> httpx.Response:
    fields = {"image_id": (None, image_id), "prompts": (None, json.dumps(prompts))}
    return await client.post("/v1/segment", files=fields)


def _client(bedside: Bedside) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(build_app(bedside), client=("127.0.0.1", 50000))
    return httpx.AsyncClient(transport=transport, base_url=LOCAL, timeout=WAIT_S)


def test_a_full_lane_answers_429_and_clicks_go_on(
    bedside: Bedside, loaded: tuple[PyTorch, ModelDescription], png: bytes
) -> None:
    small = with_lanes(queue=1)
    full = Bedside.of(small)
    full.models.install(Predictor(*loaded, settings=small))
    full.records = bedside.records

    async def scene() -> None:
        go_on = threading.Event()
        async with _client(full) as client:
            image_id = (await _embed(client, png)).json()["image"]["id"]
            held = [asyncio.create_task(full.lanes.embed(go_on.wait, WAIT_S)) for _ in range(2)]
            await asyncio.sleep(0)
            refused = await _embed(client, png)
            assert refused.status_code == 429 and refused.json()["error"]["code"] == "busy"
            assert 1 <= int(refused.headers["retry-after"]) <= 60
            assert (await _click(client, image_id)).status_code == 200
            go_on.set()
            await asyncio.gather(*held)

    run(scene)


def test_thirty_two_clients_get_what_one_gets(
    bedside: Bedside, loaded: tuple[PyTorch, ModelDescription], image: Image
) -> None:
    rng = np.random.default_rng(7)
    files = [_png(np.clip(image + rng.integers(0, 40, image.shape), 0, 255).astype(np.uint8)) for _ in range(8)]
    boxes = [[1.0 + n, 2.0 + n, 50.0 + n, 40.0 + n / 2] for n in range(32)]

    def service(workers: int) -> Bedside:
        settings = with_lanes(workers=workers)
        made = Bedside.of(settings)
        made.models.install(Predictor(*loaded, settings=settings))
        made.records = bedside.records
        return made

    async def one(client: httpx.AsyncClient, number: int) -> object:
        embedded = await _embed(client, files[number % len(files)])
        clicked = await _click(client, embedded.json()["image"]["id"], {"objects": [{"box": boxes[number]}]})
        assert (embedded.status_code, clicked.status_code) == (200, 200), clicked.text
        return clicked.json()["image"], clicked.json()["objects"]

    async def scene() -> None:
        async with _client(service(1)) as client:
            serial = [await one(client, number) for number in range(32)]
        together = service(4)
        async with _client(together) as client:
            found = await asyncio.gather(*(one(client, number) for number in range(32)))
        assert found == serial
        predictor = together.models.current
        assert predictor is not None and predictor.cache.counts.encoded == len(files)
        assert len({str(objects) for _, objects in serial}) > 16

    run(scene)
