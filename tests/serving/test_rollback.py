"""Two released models, a rollback, and what a service that is started again knows of the newer one: nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from components.artefacts import ModelDescription, save_model, sha256_of
from components.errors import ReleaseError
from components.listing import MODEL, list_files
from components.masks import from_rle
from components.promptable.predict import segment
from components.promptable.runtimes.loading import load_runtime
from components.release.files import listing_text, package_digest
from components.release.records.in_use import champion_folder, rollback
from components.release.records.ledger import LEDGER, append, read_ledger, released_folder
from components.students import load_student
from components.tracking import RegisteredVersion
from components.types import Image, Prompt
from serving.bedside import Bedside
from serving.engine.predictor import Predictor
from serving.http.app import build_app
from tests.serving.small import SETTINGS, client_of, recorded, save_scaled

BOX = (31.0, 16.0, 60.0, 45.0)


class Registry:
    """A registry that knows no versions: the ledger alone says which model is in use."""

    def register_version(self, *_: object, **__: object) -> RegisteredVersion:
        raise AssertionError("a rollback registers nothing")

    def set_alias(self, *_: object, **__: object) -> None:
        raise AssertionError("there is no version to point at")

    def list_versions(self, *_: object) -> list[RegisteredVersion]:
        return []


@pytest.fixture
def project(model_folder: Path, tmp_path: Path) -> Path:
    """A project in which a student was released, and then one with other weights."""
    former = None
    for factor in (1.0, 1.5):
        made = save_scaled(tmp_path / "made", model_folder, factor)
        folder = released_folder(tmp_path, made.digest)
        folder.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "made").rename(folder)
        files = {MODEL + name: sha256 for name, sha256 in list_files(folder).items()}
        (folder / "files.json").write_text(listing_text(files))
        append(
            tmp_path / LEDGER,
            action="promote",
            who="anna",
            source=former,
            target=made.digest,
            candidate=made.digest,
            gate_sha256="0" * 64,
            reason="passed",
            package_sha256=package_digest(files),
        )
        former = made.digest
    return tmp_path


@contextmanager
def start(root: Path) -> Iterator[TestClient]:
    """A service of the model in use, as it is after a start."""
    folder = champion_folder(root)
    assert folder is not None
    with recorded(Bedside.of(SETTINGS), root / "records") as bedside:
        bedside.models.install(Predictor.load(folder, settings=SETTINGS))
        with client_of(build_app(bedside)) as client:
            yield client


def ask(client: TestClient, image_id: str):
    fields = {"prompts": (None, json.dumps({"objects": [{"box": BOX}]})), "image_id": (None, image_id)}
    return client.post("/v1/segment", files=fields)


def test_the_old_model_answers_and_no_embedding_of_the_new_one_is_left(project: Path, image: Image, png: bytes) -> None:
    with start(project) as newer:
        theirs = newer.post("/v1/images", files={"image": png}).json()
        assert ask(newer, theirs["image"]["id"]).status_code == 200
    before = read_ledger(project / LEDGER)
    done = rollback(project, reason="worse at the bedside", registry=Registry())
    assert (done.source, done.target) == (before.champion, before.previous)
    with start(project) as older:
        assert older.get("/v1/model").json()["model"]["digest"] == before.previous
        gone = ask(older, theirs["image"]["id"])
        assert gone.status_code == 410 and gone.json()["error"]["code"] == "image_gone"
        ours = older.post("/v1/images", files={"image": png}).json()
        assert ours["image"]["id"] != theirs["image"]["id"], "the same pixels, another model"
        assert ours["timing_ms"]["embed"] > 0, "computed anew"
        answer = ask(older, ours["image"]["id"]).json()
    model = load_runtime(released_folder(project, str(before.previous)), "pytorch")
    (expected,) = segment(model, image, [Prompt(BOX)])
    np.testing.assert_array_equal(from_rle(answer["objects"][0]["mask"]), expected.mask)
    assert answer["model"]["digest"] == before.previous


def test_a_rollback_to_weights_that_were_swapped_is_refused(project: Path) -> None:
    ledger = read_ledger(project / LEDGER)
    weights = released_folder(project, str(ledger.previous)) / "weights.safetensors"
    tensors = load_student(weights.parent)[0].state_dict()
    weights.unlink()
    other = save_model(
        project / "other", {name: torch.zeros_like(value) for name, value in tensors.items()}, _of(weights)
    )
    for name in ("weights.safetensors", "model.json"):
        (project / "other" / name).replace(weights.parent / name)
    assert sha256_of(weights) == other.digest
    with pytest.raises(ReleaseError, match=f"holds the weights {other.digest}"):
        rollback(project, reason="x", registry=Registry())
    assert read_ledger(project / LEDGER).champion == ledger.champion


def _of(weights: Path) -> ModelDescription:
    return ModelDescription.model_validate_json((weights.parent / "model.json").read_bytes())
