"""A promotion reaches the running service, a bad one doesn't, and no request is dropped on the way."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.artefacts import sha256_of
from components.errors import AuditError
from components.in_service import IN_SERVICE, InService, write_in_service
from components.listing import FILES, MODEL, list_files
from components.promptable.calibration import write_calibration
from components.promptable.runtimes.loading import load_runtime
from components.promptable.self_check import Held, write_self_check
from components.release.files import listing_text
from components.release.packing.self_checks import make_self_check
from serving.bedside import Bedside
from serving.engine.predictor import Predictor
from serving.http.app import build_app
from serving.operation.switching import Switching
from tests.components.promptable.calibrations import make_calibration
from tests.serving.small import SETTINGS, client_of, recorded, save_scaled

BOX = json.dumps({"objects": [{"box": [31, 16, 60, 45]}]})


def load(folder: Path) -> Predictor:
    """A folder's model, as the service loads it."""
    return Predictor.load(folder, settings=SETTINGS)


class Released:
    """Released models beside the file that names the one to serve."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / IN_SERVICE

    def add(self, model_folder: Path, factor: float) -> str:
        """A model with other weights, and its self-check and list of files; returns its digest."""
        made = save_scaled(self.folder / "made", model_folder, factor)
        folder = self.of(made.digest)
        (self.folder / "made").rename(folder)
        write_self_check(folder, make_self_check(load_runtime(folder, "pytorch"), made.digest))
        self.seal(made.digest)
        return made.digest

    def of(self, digest: str) -> Path:
        """A model's folder."""
        return self.folder / digest[:12]

    def seal(self, digest: str) -> None:
        """Write the list of a folder's files as they are now."""
        folder = self.of(digest)
        (folder / FILES).unlink(missing_ok=True)
        (folder / FILES).write_text(listing_text({MODEL + name: sha for name, sha in list_files(folder).items()}))

    def name(self, digest: str, *, entry: str = "e") -> None:
        """Say that this model should serve."""
        listing = sha256_of(self.of(digest) / FILES)
        model = InService(schema=1, digest=digest, folder=self.of(digest).name, files_sha256=listing, entry=entry * 64)
        write_in_service(self.path, model)


@pytest.fixture(scope="module")
def two(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Two released models: their folder and digests."""
    released = Released(tmp_path_factory.mktemp("released"))
    return released.folder, released.add(model_folder, 1.0), released.add(model_folder, 1.5)


@pytest.fixture
def released(two: tuple[Path, str, str], tmp_path: Path) -> Released:
    """A copy of them that a test may alter."""
    return Released(Path(shutil.copytree(two[0], tmp_path / "released")))


@pytest.fixture
def bedside(tmp_path: Path) -> Iterator[Bedside]:
    """A service without a model."""
    with recorded(Bedside.of(SETTINGS), tmp_path) as bedside:
        yield bedside


def test_a_promotion_and_a_rollback_reach_the_service(
    released: Released, two: tuple[Path, str, str], bedside: Bedside
) -> None:
    _, first, second = two
    told: list[tuple[str | None, str]] = []
    switching = Switching(
        released.path,
        models=bedside.models,
        load=load,
        told=lambda went, came: told.append((went and went.description.digest, came.description.digest)),
    )
    assert not switching.look(), "nothing is named yet"
    released.name(first)
    assert switching.look() and not switching.look()
    released.name(second)
    assert switching.look()
    current = bedside.models.current
    assert current is not None and current.description.digest == second and current.checked == Held(6, 6, ())
    released.name(first, entry="f")
    assert switching.look()
    assert told == [(None, first), (first, second), (second, first)]
    assert switching.failure is None and switching.coming is None


def test_the_same_weights_with_another_card_or_calibration_reach_the_service(
    released: Released, two: tuple[Path, str, str], bedside: Bedside
) -> None:
    _, first, _ = two
    (released.of(first) / "card.json").write_text('{"version": 6}')
    switching = Switching(released.path, models=bedside.models, load=load, told=lambda *_: None)
    released.name(first)
    assert switching.look()
    (released.of(first) / "card.json").write_text('{"version": 7}')
    released.name(first, entry="f")
    assert switching.look(), "another entry of the ledger: its card is another"
    assert bedside.models.current is not None and bedside.models.current.model.version == "7"
    assert bedside.models.former == (), "the same weights and files: the new predictor takes the old one's place"
    (released.of(first) / "card.json").unlink()
    write_calibration(released.of(first), make_calibration(first, threshold=0.9))
    released.seal(first)
    released.name(first, entry="a")
    assert switching.look() and bedside.models.current.card().calibration.calibrated
    (former,) = bedside.models.former
    assert former.identity != bedside.models.current.identity
    assert not switching.look(again=True)


def test_a_switch_that_cannot_be_entered_is_not_made(
    released: Released, two: tuple[Path, str, str], bedside: Bedside
) -> None:
    _, first, second = two

    def full(*_: object) -> None:
        raise AuditError("the disk is full", expected="room", remedy="make room")

    released.name(first)
    Switching(released.path, models=bedside.models, load=load, told=lambda *_: None).look()
    before = bedside.models.current
    switching = Switching(released.path, models=bedside.models, load=load, told=full)
    released.name(second)
    assert not switching.look()
    assert bedside.models.current is before and switching.failure is not None


def test_the_watcher_outlives_whatever_a_folder_holds(
    released: Released, two: tuple[Path, str, str], bedside: Bedside
) -> None:
    _, first, second = two
    broken = threading.Event()

    def fails(folder: Path) -> Predictor:
        if not broken.is_set():
            broken.set()
            raise KeyError("nobody thought of this")
        return load(folder)

    switching = Switching(released.path, models=bedside.models, load=fails, told=lambda *_: None)
    released.name(first)
    switching.start(poll_s=0.01)
    try:
        assert broken.wait(30)
        released.name(second)
        until_s = time.monotonic() + 30
        while bedside.models.current is None and time.monotonic() < until_s:
            time.sleep(0.01)
    finally:
        switching.stop(wait_s=30)
    assert bedside.models.current is not None and bedside.models.current.description.digest == second


def test_a_model_that_comes_too_late_is_let_go_of(
    released: Released, two: tuple[Path, str, str], bedside: Bedside
) -> None:
    def slow(folder: Path) -> Predictor:
        switching.stop()
        return load(folder)

    switching = Switching(released.path, models=bedside.models, load=slow, told=lambda *_: None)
    released.name(two[1])
    assert not switching.look() and bedside.models.current is None


@pytest.mark.parametrize("fault", ["weights", "self-check", "listing", "gone", "another", "pointer", "escape"])
def test_a_model_that_cant_serve_leaves_the_former_one_in_place(
    released: Released, two: tuple[Path, str, str], bedside: Bedside, fault: str
) -> None:
    _, first, second = two
    switching = Switching(released.path, models=bedside.models, load=load, told=lambda *_: None)
    released.name(first)
    switching.look()
    before = bedside.models.current
    folder = released.of(second)
    if fault == "weights":
        data = bytearray((folder / "weights.safetensors").read_bytes())
        data[-1] ^= 1
        (folder / "weights.safetensors").write_bytes(data)
    if fault == "self-check":
        check = json.loads((folder / "self_check.json").read_text())
        theirs = json.loads((released.of(first) / "self_check.json").read_text())
        (folder / "self_check.json").write_text(json.dumps(theirs | {"model_digest": check["model_digest"]}))
        released.seal(second)
    released.name(second)
    if fault == "listing":
        (folder / FILES).write_text((folder / FILES).read_text() + "\n")
    if fault == "gone":
        shutil.rmtree(folder)
    if fault == "another":
        shutil.rmtree(folder)
        shutil.copytree(released.of(first), folder)
        listing = sha256_of(folder / FILES)
        write_in_service(
            released.path, InService(schema=1, digest=second, folder=folder.name, files_sha256=listing, entry="e" * 64)
        )
    if fault == "pointer":
        released.path.write_text("{")
    if fault == "escape":
        named = json.loads(released.path.read_text())
        released.path.write_text(json.dumps(named | {"folder": "../elsewhere"}))
    assert not switching.look()
    assert bedside.models.current is before and bedside.models.former == ()
    assert switching.failure is not None and switching.failure.why
    assert switching.failure.digest == (None if fault in ("pointer", "escape") else second)
    switching.failure = None
    assert not switching.look() and switching.failure is None, "the same file isn't read again"
    assert not switching.look(again=True) and switching.failure is not None


def test_no_request_is_dropped_while_models_change_under_load(
    released: Released, two: tuple[Path, str, str], bedside: Bedside, png: bytes
) -> None:
    _, first, second = two
    switching = Switching(released.path, models=bedside.models, load=load, told=lambda *_: None)
    released.name(first)
    switching.look()
    over = threading.Event()
    with client_of(build_app(bedside)) as client:

        def ask(_: int) -> list[tuple[int, str]]:
            """Embed an image and click on it, again and again; statuses and the models that answered."""
            seen = []
            while not over.is_set():
                sent = client.post("/v1/images", files={"image": png})
                fields = {"image_id": (None, sent.json()["image"]["id"]), "prompts": (None, BOX)}
                answer = client.post("/v1/segment", files=fields)
                seen += [(one.status_code, one.json()["model"]["digest"]) for one in (sent, answer)]
            return seen

        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(ask, number) for number in range(4)]
            for digest, entry in ((second, "b"), (first, "c"), (second, "d")):
                released.name(digest, entry=entry)
                assert switching.look()
            over.set()
            seen = [one for each in asked for one in each.result()]
    assert {status for status, _ in seen} == {200}
    assert len(seen) >= 8 and {digest for _, digest in seen} <= {first, second}
    assert bedside.models.current is not None and bedside.models.current.description.digest == second
