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
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pydicom
import pytest

from components.artefacts import ModelDescription, read_description
from components.audit.reading import read
from components.masks import from_rle
from components.params.settings import PARAMS
from components.promptable.predict import segment
from components.promptable.runtimes.pytorch import PyTorch
from components.promptable.runtimes.runtime import Runtime
from components.release.packing.bento import CODE
from components.release.packing.pins import PINS
from components.release.records.ledger import LEDGER, append, read_ledger, released_folder
from components.release.records.promotion import sync_service
from components.tokens import make_token
from components.types import Image, Prompt
from serving.access.callers import HEALTH
from serving.engine.predictor import Predictor
from tests.components.formats.files import dicom
from tests.components.formats.hostile import hostile_files
from tests.serving.examples import examples, run
from tests.serving.hostile_http import raw_requests
from tests.serving.scans import cine
from tests.serving.small import SETTINGS, save_scaled

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
def _running(folder: Path, arguments: list[str], *, code: Path, token: str | None = None) -> Iterator[httpx.Client]:
    """A client of a server that the command starts in `folder`; with `token` it shows that."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log.txt"
    environment = {**os.environ, "PYTHONPATH": str(code), "BENTOML_HOME": str(folder / "bentoml")}
    environment |= {"SONOFORGE_TOKENS": str(folder / "tokens.yaml")}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with log.open("wb") as out:
        command = [sys.executable, "-c", START, "--port", str(port), *arguments]
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60, trust_env=False) as client:
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
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a server of a model folder runs in: its log and its records."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def served(packed_folder: Path, root: Path, place: Path) -> Iterator[httpx.Client]:
    """A client of a server of a model folder."""
    with _running(place, ["--model", str(packed_folder)], code=root) as client:
        yield client


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project whose champion is served."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def champion(
    model_folder: Path, root: Path, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client of a server of the champion's Bento, whose page differs from the page of the code around it. It listens
    on all addresses, and asks for tokens.

    The champion was in use before, gave its place to a newer model (`NEWER`), and was brought back by a rollback.
    """
    folder, released_with = project, tmp_path_factory.mktemp("sources")
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
    token = make_token(folder / "tokens.yaml", "ward", role="use", now=datetime.now(UTC))
    with _running(
        folder, ["--host", "0.0.0.0", "--access", "token", "--runtime", "pytorch"], code=root, token=token
    ) as client:
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
    served: httpx.Client, packed: Runtime, loaded: tuple[PyTorch, ModelDescription], image: Image, png: bytes
) -> None:
    prompts = {"objects": [{"box": [31, 16, 60, 45]}, {"box": [2, 3, 80, 50]}]}
    answer = served.post("/v1/segment", files={"image": png}, data={"prompts": json.dumps(prompts)})
    assert answer.status_code == 200, answer.text
    expected = segment(packed, image, [Prompt((31.0, 16.0, 60.0, 45.0)), Prompt((2.0, 3.0, 80.0, 50.0))])
    for found, wanted in zip(answer.json()["objects"], expected, strict=True):
        np.testing.assert_array_equal(from_rle(found["mask"]), wanted.mask)
    assert answer.headers["x-sonoforge-model"] == loaded[1].digest
    card, runtime = served.get("/v1/model").json(), str(packed.facts)
    assert answer.json()["model"]["runtime"] == runtime and card["runtime"]["name"] == "onnxruntime"
    image_id = served.post("/v1/images", files={"image": png}).json()["image"]["id"]
    fields = {"prompts": (None, json.dumps(prompts)), "image_id": (None, image_id)}
    assert served.post("/v1/segment", files=fields).json()["objects"] == answer.json()["objects"]


def test_the_champion_is_served_by_its_bento(
    champion: httpx.Client, loaded: tuple[PyTorch, ModelDescription], image: Image, png: bytes
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
    champion: httpx.Client, loaded: tuple[PyTorch, ModelDescription], image: Image, png: bytes
) -> None:
    model, description = loaded
    assert champion.get("/v1/model").json()["model"]["digest"] == description.digest
    newer = Predictor(model, description.model_copy(update={"weights_sha256": NEWER}), settings=SETTINGS)
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
    (expected,) = segment(model, image, [Prompt((31.0, 16.0, 60.0, 45.0))])
    np.testing.assert_array_equal(from_rle(answer.json()["objects"][0]["mask"]), expected.mask)


def test_a_promotion_reaches_the_running_server(
    champion: httpx.Client, project: Path, model_folder: Path, loaded: tuple[PyTorch, ModelDescription], png: bytes
) -> None:
    _, description = loaded
    made = save_scaled(project / "made", model_folder, 1.5)
    (project / "made").rename(released_folder(project, made.digest))
    image_id = champion.post("/v1/images", files={"image": png}).json()["image"]["id"]
    append(
        project / LEDGER,
        action="promote",
        who="somebody",
        source=description.digest,
        target=made.digest,
        candidate=made.digest,
        gate_sha256="0" * 64,
        reason="passed",
    )
    sync_service(project, read_ledger(project / LEDGER))
    until_s = time.monotonic() + 30
    while champion.get("/v1/model").json()["model"]["digest"] != made.digest:
        assert time.monotonic() < until_s, (project / "log.txt").read_text(encoding="utf-8")
        time.sleep(0.1)
    fields = {"prompts": (None, json.dumps({"objects": [{"box": [31, 16, 60, 45]}]})), "image_id": (None, image_id)}
    answer = champion.post("/v1/segment", files=fields)
    assert answer.status_code == 200 and answer.json()["model"]["digest"] == description.digest, "its own image"
    entries = [found.line.entry for found in read(project / "audit", kinds=("switch",))]
    (switch,) = [entry for entry in entries if entry.kind == "switch"]
    assert (switch.came.digest, switch.went and switch.went.digest) == (made.digest, description.digest)


def test_errors_are_json_and_the_server_lives_on(served: httpx.Client, png: bytes) -> None:
    too_large = served.post("/v1/images", files={"image": bytes(SETTINGS.limits.body_bytes + 1)})
    assert too_large.status_code == 413 and too_large.json()["error"]["code"] == "body_too_large"
    assert served.post("/v1/segment", files={"image": png}).json()["error"]["code"] == "prompts_missing"
    assert served.get("/docs.json").json()["error"]["code"] == "not_found"
    assert served.get("/v1/model").json()["model"]["name"] == "hiera_mini"
    assert served.get("/livez").status_code == 200


def test_a_forwarded_header_changes_nobodys_address(served: httpx.Client, place: Path) -> None:
    forwarded = served.get("/v1/session", headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"})
    assert forwarded.status_code == 403 and forwarded.json()["error"]["code"] == "access_required"
    assert "strict-transport-security" not in forwarded.headers
    log = (place / "log.txt").read_text(encoding="utf-8")
    assert "refused 127.0.0.1: access_required" in log and "192.0.2.7" not in log


def test_the_champion_asks_for_a_token_on_any_address(champion: httpx.Client) -> None:
    assert champion.get("/v1/session").json() == {"who": "ward", "role": "use", "auth": "token"}
    bare = {"Authorization": ""}
    assert champion.get("/").status_code == 200 and champion.get("/readyz", headers=bare).status_code == 200
    for path in ("/v1/session", "/metrics", "/schema.json", "/docs.json", "/openapi.json"):
        refused = champion.get(path, headers=bare)
        assert refused.status_code == 401 and refused.json()["error"]["code"] == "token_unknown", path
    assert champion.get("/metrics").json()["error"]["code"] == "role_missing"


def _memory_mb(client: httpx.Client) -> float:
    """Memory of the process that answers, as it tells itself."""
    (line,) = [line for line in client.get("/metrics").text.splitlines() if line.startswith("process_resident_memory")]
    return float(line.split()[-1]) / 2**20


def _status(address: tuple[str, int], raw: bytes) -> int:
    """What a server answers to bytes on a line: a status, or 0 where it hangs up, or waits for what doesn't come."""
    answer = b""
    with socket.create_connection(address, timeout=20) as line:
        with suppress(ConnectionError):
            line.sendall(raw)
        with suppress(ConnectionError, TimeoutError):
            line.settimeout(5)
            answer = line.recv(4096)
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def test_hostile_requests_are_refused_in_bounded_memory_and_time(served: httpx.Client, png: bytes) -> None:
    url = served.base_url
    prompts = json.dumps({"objects": [{"box": [1, 1, 20, 20]}]})
    for _ in range(3):
        served.post("/v1/segment", files={"image": png}, data={"prompts": prompts})
    before_mb, slowest_s, statuses = _memory_mb(served), 0.0, []
    for name, raw in raw_requests(seed=1):
        begun_s = time.monotonic()
        status = _status((url.host, url.port or 80), raw)
        slowest_s = max(slowest_s, time.monotonic() - begun_s)
        statuses.append(status)
        assert status == 0 or 400 <= status < 500, f"{name}: {status}"
    assert statuses.count(0) < len(statuses) / 5, "most are told what was wrong with them"
    for name, data in hostile_files(seed=1, count=24):
        begun_s = time.monotonic()
        answer = served.post("/v1/images", files={"image": data})
        slowest_s = max(slowest_s, time.monotonic() - begun_s)
        assert answer.status_code == 200 or 400 <= answer.status_code < 500, f"{name}: {answer.text}"
    grown_mb = _memory_mb(served) - before_mb
    assert grown_mb < 250, f"memory grew by {grown_mb:.0f} MB"
    assert slowest_s < 10
    again = served.post("/v1/segment", files={"image": png}, data={"prompts": prompts})
    assert again.status_code == 200, "it lives on"


def test_names_reach_no_log(served: httpx.Client, place: Path, image: Image) -> None:
    """A name in a file's name, in DICOM's tags (those that can't be read, too), in headers and in paths."""
    name, grey = "Zzyzx^Quilla", image[..., 0]
    tags = {"PatientName": name, "PatientID": name, "PatientAddress": name, "ImageComments": name}
    sound = dicom(grey[None], **tags)
    broken = sound.replace(b"MONOCHROME2", b"Zzyzx^Qu   ")
    box = json.dumps({"objects": [{"box": [1, 1, 20, 20]}]})
    for data in (sound, broken, sound[:-500], name.encode() * 99):
        for path in ("/v1/images", "/v1/segment", "/v1/preview"):
            files = {"image": (f"{name}.dcm", data, f"image/{name}")}
            answer = served.post(path, files=files, data={"prompts": box}, headers={"User-Agent": name, "X-A": name})
            # Whoever sent a file whose coding can't be read is told what it says there: it is theirs.
            assert data is broken or "Zzyzx" not in answer.text + str(answer.headers)
    assert served.get(f"/{name}").status_code == served.get(f"/v1/{name}?{name}").status_code == 404
    assert "Zzyzx" not in served.get("/metrics").text
    written = [path for path in place.rglob("*") if path.is_file()]
    assert {"log.txt", "audit"} <= {part for path in written for part in path.relative_to(place).parts}
    for path in written:
        assert b"Zzyzx" not in path.read_bytes(), path
        assert "Zzyzx" not in path.name


@pytest.fixture
def desk(tmp_path: Path, image: Image, png: bytes) -> Path:
    """A folder with the files that the examples in the docs name."""
    (tmp_path / "scan.png").write_bytes(png)
    (tmp_path / "cine.dcm").write_bytes(cine(image, frames=3, mm=(0.2, 0.1)))
    return tmp_path


@pytest.fixture
def by_curl() -> None:
    """What the examples in shell need."""
    if not (shutil.which("curl") and shutil.which("jq")):
        pytest.skip("curl and jq aren't both here")


def test_the_client_in_ten_lines_works(served: httpx.Client, root: Path, desk: Path) -> None:
    code = examples((root / "docs/clients.md").read_text(encoding="utf-8"), "In ten lines of Python", "python")
    assert len(code) == 1 and len([line for line in code[0].splitlines() if line.strip()]) <= 10
    assert run(code, language="python", address=str(served.base_url), folder=desk).strip()


@pytest.mark.usefixtures("by_curl")
def test_the_examples_by_curl_work(served: httpx.Client, root: Path, desk: Path) -> None:
    code = examples((root / "docs/clients.md").read_text(encoding="utf-8"), "By curl", "sh")
    run(code, language="sh", address=str(served.base_url), folder=desk)
    told = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in desk.glob("*.json")}
    assert [len(told[name]["objects"]) for name in ("first", "several", "second")] == [1, 2, 1]
    assert told["cine"]["image"]["frame"] == 1 and told["cine"]["objects"][0]["measurements"]["spacing"]["x_mm"] == 0.2
    assert told["entry"]["prediction"] == told["first"]["prediction"]
    assert told["embedded"]["image"]["id"] == told["first"]["image"]["id"]
    segmentation = pydicom.dcmread(desk / "segmentation.dcm")
    mask = segmentation.pixel_array.reshape(60, 90).astype(bool)
    np.testing.assert_array_equal(mask, from_rle(told["cine"]["objects"][0]["mask"]))


@pytest.mark.usefixtures("by_curl")
def test_the_examples_with_a_token_work(champion: httpx.Client, root: Path, desk: Path) -> None:
    (desk / "token.txt").write_text(champion.headers["Authorization"].removeprefix("Bearer ") + "\n", encoding="utf-8")
    code = examples((root / "docs/clients.md").read_text(encoding="utf-8"), "With a token", "sh")
    run(code, language="sh", address=str(champion.base_url), folder=desk)
    assert json.loads((desk / "session.json").read_text())["auth"] == "token"
    assert json.loads((desk / "mine.json").read_text())["image"]["width"] == 90


def test_health_is_as_described(served: httpx.Client) -> None:
    described = served.get("/openapi.json").json()["paths"]
    for path in sorted(HEALTH):
        for method in ("GET", "HEAD"):
            answer = served.request(method, path)
            assert str(answer.status_code) in described[path][method.lower()]["responses"]
            assert answer.headers["content-type"].startswith("text/plain")
