"""The real server: `sonoforge serve` starts BentoML, which becomes ready, answers, and stops when told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from components.artefacts import ModelDescription, read_description
from components.masks import from_rle
from components.promptable.predict import segment
from components.promptable.segmenter import Segmenter
from components.release.packing.bento import CODE, PARAMS
from components.release.packing.pins import PINS
from components.release.records.ledger import LEDGER, append, released_folder
from components.types import Image, Prompt
from serving.engine.predictor import Predictor
from tests.serving.small import SETTINGS

START = "import typer; from pipelines.commands import serve; app = typer.Typer(); serve.register(app); app()"
PACK = (
    "import sys; from pathlib import Path; from components.release.packing.bento import build_bento;"
    "build_bento(Path(sys.argv[1]), Path(sys.argv[2]))"
)
MARK = "<!-- as it was released -->"
READY_S = 120
NEWER = "e" * 64

pytestmark = pytest.mark.service


@contextmanager
def _running(folder: Path, arguments: list[str], *, code: Path) -> Iterator[httpx.Client]:
    """A client of a server that the command starts in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log.txt"
    environment = {**os.environ, "PYTHONPATH": str(code), "BENTOML_HOME": str(folder / "bentoml")}
    with log.open("wb") as out:
        command = [sys.executable, "-c", START, "--port", str(port), *arguments]
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            _wait(client, server, log)
            yield client
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            raise


@pytest.fixture(scope="module")
def served(model_folder: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server of a model folder."""
    with _running(tmp_path_factory.mktemp("server"), ["--model", str(model_folder)], code=root) as client:
        yield client


@pytest.fixture(scope="module")
def champion(model_folder: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server of the champion's Bento, whose page differs from the page of the code around it.

    The champion was in use before, gave its place to a newer model (`NEWER`), and was brought back by a rollback.
    """
    folder, released_with = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("sources")
    for part in CODE:
        shutil.copytree(root / part, released_with / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (PINS, PARAMS):
        shutil.copy(root / name, released_with / name)
    with (released_with / "serving/web/index.html").open("a", encoding="utf-8") as page:
        page.write(MARK)
    digest = read_description(model_folder).digest
    shutil.copytree(model_folder, released_folder(folder, digest))
    for action, source, target in (("promote", None, digest), ("promote", digest, NEWER), ("rollback", NEWER, digest)):
        append(
            folder / LEDGER,
            action=action,
            who="somebody",
            source=source,
            target=target,
            candidate=target,
            gate_sha256="0" * 64,
            reason="passed",
        )
    subprocess.run(
        [sys.executable, "-c", PACK, str(released_with), str(released_folder(folder, digest))],
        env={**os.environ, "PYTHONPATH": str(root), "BENTOML_HOME": str(folder / "bentoml")},
        cwd=folder,
        check=True,
    )
    with _running(folder, [], code=root) as client:
        assert "from the Bento sonoforge:" in (folder / "log.txt").read_text(encoding="utf-8")
        yield client


def _wait(client: httpx.Client, server: subprocess.Popen[bytes], log: Path) -> None:
    until_s = time.monotonic() + READY_S
    while time.monotonic() < until_s:
        assert server.poll() is None, log.read_text()
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"not ready within {READY_S} s:\n{log.read_text()}")


def test_health_and_metrics_are_there_beside_the_page(served: httpx.Client) -> None:
    assert served.get("/livez").status_code == 200
    assert served.get("/readyz").status_code == 200
    metrics = served.get("/metrics")
    assert metrics.status_code == 200 and "process_resident_memory_bytes" in metrics.text
    page = served.get("/")
    assert page.status_code == 200 and "SonoForge" in page.text and "google" not in page.text


def test_masks_over_the_wire_are_the_librarys_to_the_bit(
    served: httpx.Client, loaded: tuple[Segmenter, ModelDescription], image: Image, png: bytes
) -> None:
    prompts = {"objects": [{"box": [31, 16, 60, 45]}, {"box": [2, 3, 80, 50]}]}
    answer = served.post("/v1/segment", files={"image": png}, data={"prompts": json.dumps(prompts)})
    assert answer.status_code == 200, answer.text
    expected = segment(loaded[0], image, [Prompt((31.0, 16.0, 60.0, 45.0)), Prompt((2.0, 3.0, 80.0, 50.0))])
    for found, wanted in zip(answer.json()["objects"], expected, strict=True):
        np.testing.assert_array_equal(from_rle(found["mask"]), wanted.mask)
    assert answer.headers["x-sonoforge-model"] == loaded[1].digest
    image_id = served.post("/v1/images", files={"image": png}).json()["image"]["id"]
    fields = {"prompts": (None, json.dumps(prompts)), "image_id": (None, image_id)}
    assert served.post("/v1/segment", files=fields).json()["objects"] == answer.json()["objects"]


def test_the_champion_is_served_by_its_bento(
    champion: httpx.Client, loaded: tuple[Segmenter, ModelDescription], image: Image, png: bytes
) -> None:
    assert champion.get("/readyz").status_code == 200
    assert MARK in champion.get("/").text, "the code must be the Bento's, not that around it"
    prompts = {"objects": [{"box": [31, 16, 60, 45]}]}
    answer = champion.post("/v1/segment", files={"image": png}, data={"prompts": json.dumps(prompts)})
    assert answer.status_code == 200, answer.text
    (expected,) = segment(loaded[0], image, [Prompt((31.0, 16.0, 60.0, 45.0))])
    np.testing.assert_array_equal(from_rle(answer.json()["objects"][0]["mask"]), expected.mask)
    assert answer.headers["x-sonoforge-model"] == loaded[1].digest


def test_after_a_rollback_no_embedding_of_the_newer_model_is_known(
    champion: httpx.Client, loaded: tuple[Segmenter, ModelDescription], image: Image, png: bytes
) -> None:
    segmenter, description = loaded
    assert champion.get("/v1/model").json()["model"]["digest"] == description.digest
    newer = Predictor(segmenter, description.model_copy(update={"weights_sha256": NEWER}), settings=SETTINGS)
    theirs = newer.embed(png).image.id
    assert len(newer.cache) == 1
    prompts = json.dumps({"objects": [{"box": [31, 16, 60, 45]}]})
    ours = champion.post("/v1/images", files={"image": png}).json()["image"]["id"]
    assert ours != theirs, "the same pixels, another model"
    fields = {"prompts": (None, prompts), "image_id": (None, theirs)}
    gone = champion.post("/v1/segment", files=fields)
    assert gone.status_code == 410 and gone.json()["error"]["code"] == "image_gone"
    answer = champion.post("/v1/segment", files={**fields, "image_id": (None, ours)})
    assert answer.status_code == 200 and answer.json()["model"]["digest"] == description.digest
    (expected,) = segment(segmenter, image, [Prompt((31.0, 16.0, 60.0, 45.0))])
    np.testing.assert_array_equal(from_rle(answer.json()["objects"][0]["mask"]), expected.mask)


def test_errors_are_json_and_the_server_lives_on(served: httpx.Client, png: bytes) -> None:
    too_large = served.post("/v1/images", files={"image": bytes(SETTINGS.limits.body_bytes + 1)})
    assert too_large.status_code == 413 and too_large.json()["error"]["code"] == "body_too_large"
    assert served.post("/v1/segment", files={"image": png}).json()["error"]["code"] == "prompts_missing"
    assert served.get("/docs.json").json()["error"]["code"] == "not_found"
    assert served.get("/v1/model").json()["model"]["name"] == "hiera_mini"
    assert served.get("/livez").status_code == 200
