"""A release begins with papers that are of one another and of the files that are there."""

from __future__ import annotations

import json

import pytest

from components.artefacts import sha256_of, write_json
from components.errors import ReleaseError
from components.release.files import listing_text
from components.release.judged import is_released, read_judged, read_metrics
from components.release.promote import promote
from components.release.records.ledger import LEDGER
from tests.components.release.conftest import packaged_files


def papers(judged, model, **others):
    found = {**judged(model), **others}
    return {"model": model, "gate": found["gate"], "package": found["package"]}


def test_papers_that_fit_are_read(tmp_path, make_model, write_calibration, judged, digest_of) -> None:
    model = make_model(1)
    write_calibration(model)
    found = read_judged(tmp_path, **papers(judged, model))
    assert found.digest == digest_of(model) and not found.released
    assert found.named["calibration_sha256"] == found.files["src/model/calibration.json"]


def test_a_package_of_other_weights_is_refused(tmp_path, make_model, judged) -> None:
    first, second = make_model(1), make_model(2)
    with pytest.raises(ReleaseError, match="is about the weights"):
        read_judged(tmp_path, **papers(judged, second, package=judged(first)["package"]))


def test_another_package_than_the_gate_judged_is_refused(tmp_path, make_model, judged) -> None:
    model = make_model(1)
    given = papers(judged, model)
    write_json(given["gate"], json.loads(given["gate"].read_text()) | {"package_sha256": "0" * 64})
    with pytest.raises(ReleaseError, match="the gate judged the package 000000000000"):
        read_judged(tmp_path, **given)


def test_a_verdict_that_names_no_package_is_refused(tmp_path, make_model, judged) -> None:
    given = papers(judged, make_model(1))
    record = json.loads(given["gate"].read_text())
    del record["package_sha256"]
    write_json(given["gate"], record)
    with pytest.raises(ReleaseError, match="the gate judged no package"):
        read_judged(tmp_path, **given)


def test_a_folder_that_brings_its_own_papers_is_no_released_one(tmp_path, make_model, judged, registry) -> None:
    forged = make_model(1)
    (forged / "files.json").write_text(listing_text(packaged_files(forged)))
    gate = judged(forged)["gate"]
    write_json(gate, json.loads(gate.read_text()) | {"package_sha256": sha256_of(forged / "files.json")})
    with pytest.raises(ReleaseError, match="was never packaged"):
        read_judged(tmp_path, model=forged, gate=gate, package=None)
    assert not is_released(tmp_path, forged)
    (forged / "files.json").unlink()
    done = promote(tmp_path, model=forged, **judged(forged), registry=registry)
    assert is_released(tmp_path, tmp_path / str(done.folder)) and not is_released(tmp_path, forged)


def test_a_released_model_comes_back_with_the_package_that_was_judged_or_not_at_all(
    tmp_path, make_model, judged, registry
) -> None:
    model = make_model(1)
    kept = tmp_path / str(promote(tmp_path, model=model, **judged(model), registry=registry).folder)
    gate = tmp_path / "other.json"
    write_json(gate, json.loads((kept / "gate.json").read_text()) | {"package_sha256": "0" * 64})
    with pytest.raises(ReleaseError, match="the gate judged the package 000000000000"):
        read_judged(tmp_path, model=kept, gate=gate, package=None)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("calibration.json", "changed"),
        ("encoder.onnx", "changed"),
        ("model.json", "changed"),
        ("encoder.onnx", "missing"),
    ],
)
def test_a_file_that_isnt_the_judged_one_is_refused(
    tmp_path, make_model, write_calibration, judged, registry, name: str, how: str
) -> None:
    model = make_model(1)
    write_calibration(model)
    (model / "encoder.onnx").write_text("{}")
    given = judged(model)
    if how == "missing":
        (model / name).unlink()
    else:
        (model / name).write_text((model / name).read_text() + " ")
    with pytest.raises(ReleaseError, match=f"{name} (was {how}|is {how})"):
        promote(tmp_path, model=model, **given, registry=registry)
    assert not (tmp_path / LEDGER).exists() and registry.versions == []


def test_a_model_that_was_never_packaged_is_refused(tmp_path, make_model, judged) -> None:
    model = make_model(1)
    with pytest.raises(ReleaseError, match="was never packaged") as caught:
        read_judged(tmp_path, **papers(judged, model, package=None))
    assert "dvc repro package" in caught.value.remedy


def test_only_judged_files_are_released(tmp_path, make_model, judged, registry) -> None:
    model = make_model(1)
    given = judged(model)
    (model / "golden").mkdir()
    (model / "golden/image.png").write_bytes(b"somebody")
    (model / "notes.txt").write_text("came later")
    done = promote(tmp_path, model=model, **given, registry=registry)
    kept = {path.name for path in (tmp_path / str(done.folder)).iterdir()}
    assert kept == {"weights.safetensors", "model.json", "card.json", "card.md", "gate.json", "files.json"}


@pytest.mark.parametrize(
    ("text", "says"), [(None, "no results reports/external"), ('{"cut', "holds no results"), ("[" * 100_000, "no JSON")]
)
def test_results_that_are_cut_or_absent_are_refused(tmp_path, text, says) -> None:
    (tmp_path / "reports/external").mkdir(parents=True)
    if text is not None:
        (tmp_path / "reports/external/metrics.json").write_text(text)
    with pytest.raises(ReleaseError, match=says):
        read_metrics(tmp_path, "external")
