"""A released folder is the model that the ledger names, by whatever way one comes to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.artefacts import sha256_of, write_json
from components.errors import ArtefactError, ReleaseError
from components.release.files import listing_text
from components.release.promote import promote
from components.release.records.in_use import champion_folder, models_table, rollback
from components.release.records.ledger import LEDGER, read_ledger, released_folder
from components.release.records.released import check_released, checked_description, read_card, released_model

Swapped = tuple[Path, str, str]


@pytest.fixture
def swapped(tmp_path, make_model, digest_of, judged, registry) -> Swapped:
    """A project in whose `previous` and `champion` folders another model's weights and description were put."""
    models = [make_model(seed) for seed in (1, 2)]
    for model in models:
        promote(tmp_path, model=model, **judged(model), registry=registry)
    stranger = make_model(3)
    digests = [digest_of(model) for model in models]
    for digest in digests:
        for name in ("weights.safetensors", "model.json"):
            shutil.copy(stranger / name, released_folder(tmp_path, digest) / name)
    return tmp_path, digests[0], digests[1]


def _check_refused(act: Callable[[], object], digest: str) -> None:
    with pytest.raises(ReleaseError, match="holds the weights") as caught:
        act()
    assert digest in caught.value.expected
    assert "dvc" not in caught.value.remedy and "Bento" in caught.value.remedy


def test_another_model_in_its_place_is_refused_everywhere(swapped: Swapped, registry) -> None:
    root, previous, champion = swapped
    folder = released_folder(root, champion)
    for act in (
        lambda: champion_folder(root),
        lambda: released_model(root, champion),
        lambda: checked_description(folder),
        lambda: check_released(folder),
    ):
        _check_refused(act, champion)
    for act in (
        lambda: rollback(root, reason="x", registry=registry),
        lambda: models_table(root),
    ):
        _check_refused(act, previous)
    assert read_ledger(root / LEDGER).champion == champion


def test_a_link_to_a_swapped_folder_is_refused_too(swapped: Swapped) -> None:
    root, _, champion = swapped
    (root / "elsewhere").symlink_to(released_folder(root, champion))
    _check_refused(lambda: check_released(root / "elsewhere"), champion)


def test_promoting_again_from_where_it_was_trained_mends_it(swapped: Swapped, judged, registry) -> None:
    root, previous, champion = swapped
    for seed in (1, 2):
        model = root / f"models/student_{seed}"
        promote(root, model=model, **judged(model), registry=registry)
    assert champion_folder(root) == released_folder(root, champion)
    assert released_model(root, previous) == released_folder(root, previous)
    assert len(models_table(root)) == 2


def test_a_folder_that_was_never_promoted_is_none_of_the_released(swapped: Swapped) -> None:
    root, _, champion = swapped
    stray = released_folder(root, "e" * 64)
    shutil.copytree(released_folder(root, champion), stray)
    _check_refused(lambda: check_released(stray), "promoted model")
    check_released(root / "models/student_3")


@pytest.mark.parametrize("text", ["{", "{}", None])
def test_a_released_folder_without_its_description_is_refused(
    tmp_path, make_model, digest_of, judged, registry, text: str | None
) -> None:
    model = make_model(1)
    promote(tmp_path, model=model, **judged(model), registry=registry)
    folder = released_folder(tmp_path, digest_of(model))
    if text is None:
        shutil.rmtree(folder)
    else:
        (folder / "model.json").write_text(text)
    with pytest.raises(ReleaseError) as caught:
        champion_folder(tmp_path)
    assert "Bento" in caught.value.remedy


@pytest.fixture
def calibrated(tmp_path, make_model, write_calibration, digest_of, judged, registry) -> Path:
    """A released model with a calibration and ONNX files."""
    model = make_model(1)
    write_calibration(model)
    for name in ("encoder.onnx", "decoder.onnx"):
        (model / name).write_text(name)
    promote(tmp_path, model=model, **judged(model), registry=registry)
    return released_folder(tmp_path, digest_of(model))


@pytest.mark.parametrize("name", ["calibration.json", "encoder.onnx", "files.json"])
@pytest.mark.parametrize("gone", [False, True])
def test_a_changed_file_of_the_package_is_refused_everywhere(
    calibrated: Path, tmp_path: Path, name: str, gone: bool
) -> None:
    path = calibrated / name
    path.unlink() if gone else path.write_text(path.read_text().replace("c", "k") + " ")
    for act in (
        lambda: champion_folder(tmp_path),
        lambda: checked_description(calibrated),
        lambda: check_released(calibrated),
        lambda: models_table(tmp_path),
    ):
        with pytest.raises(ReleaseError, match=name) as caught:
            act()
        assert "Bento" in caught.value.remedy


def test_a_list_that_was_changed_with_its_file_is_refused_by_the_ledger(calibrated: Path) -> None:
    (calibrated / "calibration.json").write_text("never abstain")
    listing = calibrated / "files.json"
    files = json.loads(listing.read_text())["files"]
    files["src/model/calibration.json"] = sha256_of(calibrated / "calibration.json")
    listing.write_text(listing_text(files))
    with pytest.raises(ReleaseError, match="has sha256") as caught:
        checked_description(calibrated)
    assert "as the ledger says" in caught.value.expected


@pytest.mark.parametrize("text", ["{", "[]", '{"files": {"a": 1}}', '{"files": []}'])
def test_a_broken_list_is_named(make_model, text: str) -> None:
    model = make_model(1)
    (model / "files.json").write_text(text)
    with pytest.raises(ReleaseError, match="isn't a list of files"):
        checked_description(model)


@pytest.mark.parametrize("text", ["{", "[]", "null", "\x00"])
def test_a_broken_card_is_named(make_model, text: str) -> None:
    model = make_model(1)
    assert read_card(model) is None
    (model / "card.json").write_text(text)
    with pytest.raises(ArtefactError, match="isn't a model card") as caught:
        read_card(model)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["card.json", "card.md", "gate.json"])
@pytest.mark.parametrize("gone", [False, True])
def test_another_card_or_verdict_than_it_was_released_with_is_refused_everywhere(
    tmp_path, make_model, digest_of, judged, registry, name: str, gone: bool
) -> None:
    first, second = make_model(1), make_model(2)
    for model in (first, second):
        promote(tmp_path, model=model, **judged(model), registry=registry)
    for model in (first, second):
        path = released_folder(tmp_path, digest_of(model)) / name
        path.unlink() if gone else path.write_text(path.read_text() + " ")
    for act in (
        lambda: champion_folder(tmp_path),
        lambda: checked_description(released_folder(tmp_path, digest_of(second))),
        lambda: rollback(tmp_path, reason="x", registry=registry),
        lambda: models_table(tmp_path),
    ):
        with pytest.raises(ReleaseError, match=name) as caught:
            act()
        assert "as the ledger says" in caught.value.expected and "Bento" in caught.value.remedy
    done = promote(tmp_path, model=second, **judged(second), registry=registry)
    assert done.action == "promoted" and champion_folder(tmp_path) is not None
    ledger = read_ledger(tmp_path / LEDGER)
    assert "its folder mended" in ledger.entries[-1].reason and ledger.previous == digest_of(first)


def test_the_model_in_use_keeps_the_papers_that_it_was_given(tmp_path, make_model, judged, registry) -> None:
    model = make_model(1)
    given = judged(model)
    done = promote(tmp_path, model=model, **given, registry=registry)
    papers = {path.name: path.read_bytes() for path in (tmp_path / str(done.folder)).iterdir()}
    write_json(given["gate"], json.loads(given["gate"].read_text()) | {"champion": done.candidate})
    assert promote(tmp_path, model=model, **given, registry=registry).action == "already champion"
    assert {path.name: path.read_bytes() for path in (tmp_path / str(done.folder)).iterdir()} == papers
    assert champion_folder(tmp_path) is not None
