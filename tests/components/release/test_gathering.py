"""A project's files to evidence: a real, untrained student on a dataset of a few pixels."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PilImage

from components.artefacts import WEIGHTS, PretrainingExposure, sha256_of, write_json
from components.errors import ReleaseError
from components.evaluation.reporting.report import write_validation
from components.evaluation.scoring.cases import Contender
from components.evaluation.validate import validate
from components.intake.form.records import read_manifest, write_manifest, write_split
from components.intake.sides.record import Row, write_sides
from components.intake.sides.sources import write_sources
from components.params import Params, load_params
from components.promptable.model_folder import save_segmenter
from components.promptable.predict import pin_threads
from components.release.checks.data import check_external
from components.release.checks.evidence import Rules
from components.release.files import package_digest
from components.release.gate import judge
from components.release.gathering import gather, on_test_side, package_changes, try_model, unlike
from components.students import build_student, load_student, student_adapter, student_trunk
from components.types import ObjectTruth, Record, Role

SIZE_PX = 48


def write_dataset(root: Path, name: str, role: Role, *, images: int = 3) -> list[Record]:
    """Write a harmonised dataset of bright squares on noise."""
    folder = root / "data/02_harmonised" / role / name
    for sub in ("images", "masks"):
        (folder / sub).mkdir(parents=True)
    records = []
    for index in range(images):
        rng = np.random.default_rng([len(name), index])
        truth = np.zeros((SIZE_PX, SIZE_PX), dtype=np.uint8)
        truth[10 : 30 + index, 12:34] = 1
        image = np.where(truth == 1, 180, 60) + rng.integers(-30, 30, truth.shape)
        paths = folder / "images" / f"{index}.png", folder / "masks" / f"{index}.png"
        PilImage.fromarray(image.astype(np.uint8)).save(paths[0])
        PilImage.fromarray(truth).save(paths[1])
        thing = ObjectTruth(1, "lesion", (12, 10, 34, 30 + index), int(truth.sum()))
        records.append(
            Record(name, str(index), f"g{index}", role, *paths, SIZE_PX, SIZE_PX, f"{name}{index}", True, (thing,))
        )
    write_manifest(folder, records)
    write_json(root / "reports/data" / name / "faults.json", {"schema": 1, "faults": []})
    return read_manifest(folder)


@pytest.fixture(scope="module")
def params(root: Path) -> Params:
    whole = load_params(root / "params.yaml")
    evaluate = whole.evaluate.model_copy(update={"bootstrap_resamples": 100, "figure_cases": 1})
    drawn = whole.prompts.evaluate.model_copy(update={"kinds": ("box", "box_jitter", "click")})
    return whole.model_copy(
        update={
            "model": whole.model.model_copy(update={"image_size_px": 64}),
            "prompts": whole.prompts.model_copy(update={"evaluate": drawn}),
            "evaluate": evaluate,
        }
    )


def save_student(folder: Path, params: Params, *, seed: int) -> None:
    save_segmenter(
        folder,
        build_student(params.student, model=params.model, seed=seed),
        kind="student",
        name="hiera_mini",
        trunk=student_trunk(params.student),
        adapter=student_adapter(params.student),
        phantom=True,
        base="scratch",
        trained_on=("busi",),
        pretraining_exposure=PretrainingExposure(basis="from scratch", otherwise="no"),
        provenance={"git_sha": "0123456789", "dirty": []},
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """A project whose student is validated on one internal and one external dataset."""
    root = tmp_path_factory.mktemp("project")
    pin_threads()
    save_student(root / "models/student", params, seed=1)
    segmenter, description = load_student(root / "models/student")
    models = {"student": Contender(segmenter, description.digest, description.name, description.phantom)}
    for name, role in (("busi", "internal"), ("fugc", "external")):
        records = write_dataset(root, name, role)  # type: ignore[arg-type]
        result = validate(
            records,
            models=models,
            prompts=params.prompts,
            params=params.evaluate,
            device="cpu",
            partial=root / ".cache" / role,
        )
        write_validation(root / "reports" / role, result, role=role, figure_cases=1)  # type: ignore[arg-type]
    rows = [{"dataset": "busi", "image_id": str(i), "group": f"g{i}", "split": "test"} for i in range(3)]
    (root / "data/03_splits").mkdir(parents=True)
    write_split(root / "data/03_splits/internal.csv", pd.DataFrame(rows))
    write_sources(root / "data/03_splits/sources.json", (("ddti", "tn3k"),))
    write_sides(root / "data/sides.csv", [])
    return root


def test_the_saved_student_gives_the_scored_masks(project: Path, params: Params) -> None:
    evidence = gather(
        project, model=project / "models/student", internal=["busi"], external=["fugc"], champion=None, params=params
    )
    assert evidence.parity.cases == 2 * len(params.prompts.evaluate.kinds)
    assert evidence.parity.worst_share == 0
    assert evidence.leak is None
    assert {side: (found.rows > 0, found.differing, found.gaps) for side, found in evidence.recounts.items()} == {
        side: (True, (), {}) for side in ("internal", "external")
    }
    assert evidence.teacher is None
    assert (evidence.real_images, evidence.off_record) == (0, ())
    assert evidence.faults == {"busi": [], "fugc": []}
    verdict = judge(evidence, Rules.of(params))
    by_id = {check.id: check.verdict for check in verdict.checks}
    assert by_id["parity"] == by_id["leak"] == by_id["external"] == by_id["data:busi"] == "PASS"
    assert by_id["cases:busi"] == by_id["teacher"] == "INSUFFICIENT"
    assert verdict.verdict == "FAIL"  # an untrained student doesn't beat the ellipse


def test_a_student_trained_on_patients_of_the_external_set_has_no_external_set(
    project: Path, params: Params, tmp_path: Path
) -> None:
    root = tmp_path / "project"
    shutil.copytree(project, root)
    write_sources(root / "data/03_splits/sources.json", (("busi", "busi_curated", "fugc"),))
    evidence = gather(
        root, model=root / "models/student", internal=["busi"], external=["fugc"], champion=None, params=params
    )
    rules = Rules.of(params)
    (check,) = check_external(evidence, rules)
    assert check.verdict == "INSUFFICIENT" and "fugc (exposure yes)" in check.reason
    assert "fugc counts as busi does (yes): the same patients" in check.reason


def test_real_images_whose_sides_arent_on_record_are_evidence(project: Path, params: Params, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    folder = copy / "data/02_harmonised/internal/busi"
    records = [replace(record, phantom=False, pixels_md5=f"{k:032}") for k, record in enumerate(read_manifest(folder))]
    write_manifest(folder, records)

    def off_record() -> tuple[tuple[str, str], ...]:
        model = copy / "models/student"
        evidence = gather(copy, model=model, internal=["busi"], external=["fugc"], champion=None, params=params)
        assert evidence.real_images == 3
        return evidence.off_record

    assert off_record() == (("busi", "0"), ("busi", "1"), ("busi", "2"))
    write_sides(
        copy / "data/sides.csv", [Row("busi", f"{k}", f"{k:032}", "train" if k == 2 else "test") for k in range(3)]
    )
    assert off_record() == (("busi", "2"),), "it was tested on, and is on record for training"
    keep = [Row("busi", f"{k}", f"{k:032}", "test") for k in range(3)]
    write_sides(copy / "data/sides.csv", keep)
    assert off_record() == ()


def test_another_student_in_its_place_is_found(project: Path, params: Params, tmp_path: Path) -> None:
    save_student(tmp_path / "student", params, seed=2)
    evidence = gather(
        project, model=tmp_path / "student", internal=["busi"], external=["fugc"], champion=None, params=params
    )
    assert evidence.parity.worst_share > 0


def test_a_leak_and_a_missing_verdict_are_evidence(project: Path, params: Params, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    folder = copy / "data/02_harmonised/internal/busi"
    records = read_manifest(folder)
    write_manifest(folder, [replace(record, group="g0") for record in records])
    split = copy / "data/03_splits/internal.csv"
    split.write_text(split.read_text().replace("busi,2,g2,test", "busi,2,g2,train"))
    evidence = gather(
        copy, model=copy / "models/student", internal=["busi", "ddti"], external=["fugc"], champion=None, params=params
    )
    assert evidence.leak is not None and "group g0 of busi" in evidence.leak
    assert evidence.faults["ddti"] is None


def test_a_folder_that_does_not_load_is_evidence(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "student"
    shutil.copytree(project / "models/student", folder)
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 0xFF
    (folder / WEIGHTS).write_bytes(content)
    parity, broken = try_model(folder, pd.DataFrame(), [], "cpu")
    assert parity.cases == 0
    assert broken is not None and broken.startswith(f"{WEIGHTS} has sha256")


def test_a_record_of_a_package_that_was_altered_stops_the_gate(project: Path, params: Params, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(project, root, ignore=shutil.ignore_patterns("images", "figures"))
    listed = {"model": {"name": "hiera_mini", "digest": "a" * 64}, "files": {"src/x": "0" * 64}}
    write_json(root / "reports/package.json", {**listed, "package_sha256": package_digest({"src/x": "1" * 64})})
    pick = {"internal": ["busi"], "external": ["fugc"], "champion": None, "params": params}
    (root / "models/student/weights.safetensors").write_bytes(b"")  # nothing to try: the record is what is read next
    with pytest.raises(ReleaseError, match="it was altered"):
        gather(root, model=root / "models/student", **pick)


def test_what_would_be_released_is_held_against_what_was_tried(tmp_path: Path) -> None:
    for name in ("model.json", "encoder.onnx", "golden/0.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    tried = {f"src/model/{name}": sha256_of(tmp_path / name) for name in ("model.json", "encoder.onnx")}
    package = {"files": {**tried, "src/serving/service.py": "0" * 64}}
    assert package_changes(tmp_path, package) == ()
    assert package_changes(tmp_path, None) == ()
    (tmp_path / "encoder.onnx").write_text("other")
    (tmp_path / "model.json").unlink()
    assert package_changes(tmp_path, package) == ("encoder.onnx was changed", "model.json is missing")


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_what_would_be_released_is_the_model_that_is_judged(tmp_path: Path, name: str) -> None:
    for folder in ("student", "candidate"):
        (tmp_path / folder).mkdir()
        for file in ("model.json", "weights.safetensors"):
            (tmp_path / folder / file).write_text(file)
    student, candidate = tmp_path / "student", tmp_path / "candidate"
    assert unlike(student, candidate, {"files": {}}) == ()
    (candidate / name).write_text("of another making")
    assert unlike(student, candidate, {"files": {}}) == (f"{name} isn't the judged model's",)
    assert unlike(student, candidate, None) == ()


def test_images_were_scored_in_the_groups_of_the_split(project: Path) -> None:
    records = read_manifest(project / "data/02_harmonised/internal/busi")
    sides = zip(records, ("test", "train", "test"), strict=True)
    rows = [{"dataset": "busi", "image_id": one.image_id, "group": "joined", "split": side} for one, side in sides]
    found = on_test_side(records, pd.DataFrame(rows))
    assert [(one.image_id, one.group) for one in found] == [("0", "joined"), ("2", "joined")]
