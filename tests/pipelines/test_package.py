"""The candidate is what would be released, and its built Bento was tried: parity, latencies, memory, files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from components.artefacts import read_description, sha256_of
from components.release.packing.packaged import CANDIDATE, PACKAGE, read_package
from tests.pipelines.conftest import SMALL, Reached

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def packaged(reached: Reached) -> Path:
    """The small project after this stage."""
    return reached("package")


@pytest.fixture(scope="module")
def record(packaged: Path) -> dict[str, Any]:
    """What the stage wrote of its Bento."""
    found: dict[str, Any] = json.loads((packaged / PACKAGE).read_text(encoding="utf-8"))
    return found


def test_the_candidate_is_the_student_with_all_that_goes_with_it(packaged: Path) -> None:
    folder = packaged / CANDIDATE
    assert {path.name for path in folder.iterdir()} == {
        *("weights.safetensors", "model.json", "calibration.json", "reference.json", "self_check.json"),
        *("encoder.onnx", "decoder.onnx", "golden"),
    }
    student = packaged / "models/student"
    assert read_description(folder) == read_description(student)
    assert sha256_of(folder / "weights.safetensors") == sha256_of(student / "weights.safetensors")
    golden = json.loads((folder / "golden/cases.json").read_text(encoding="utf-8"))["images"]
    assert {image["dataset"] for image in golden} == set(SMALL)
    assert all((folder / "golden" / image["file"]).is_file() and image["cases"] for image in golden)


def test_the_started_bento_gives_the_scored_masks_and_so_do_the_onnx_files(record: dict[str, Any]) -> None:
    golden = record["golden"]
    assert golden["images"] == 2 * len(SMALL) and golden["cases"] >= 3 * golden["images"]
    told = record["parity"] | {"served": record["served"]}
    for who, worst in (("served", 0.0), ("service", 0.01), ("exported", 0.01)):
        found = told[who]
        assert found["cases"] == golden["cases"], who
        assert found["worst_share"] <= worst, who
    assert record["served"]["worst_dice_difference"] == 0.0 and record["runtime"] == "onnxruntime"
    assert record["runtimes"] == {"onnxruntime": record["parity"]["exported"]}
    assert record["runtime_told"].endswith("(CPU, 2 threads)")


def test_what_it_costs_is_measured(record: dict[str, Any]) -> None:
    assert 0 < record["start_s"] < 180 and record["peak_memory_mb"] > 100
    for found in record["latency_ms"].values():
        assert 0 < found["p50"] <= found["p95"] and found["n"] == 5 * record["golden"]["images"]
    assert record["machine"]["torch"]


def test_its_files_are_listed_golden_images_are_none_and_nothing_may_run_code(
    packaged: Path, record: dict[str, Any]
) -> None:
    package = read_package(packaged / PACKAGE)
    files = set(package.files)
    assert {"src/model/calibration.json", "src/model/decoder.onnx", "src/serving/service.py"} <= files
    assert not [name for name in files if name.startswith("src/model/golden") or name.endswith((".png", ".pyc"))]
    for name in ("weights.safetensors", "calibration.json", "encoder.onnx"):
        assert package.files[f"src/model/{name}"] == sha256_of(packaged / CANDIDATE / name)
    assert record["unsafe_files"] == []


def test_trying_it_leaves_nothing_in_it(record: dict[str, Any]) -> None:
    within = {name.split("/")[1] for name in record["files"] if name.startswith("src/")}
    assert within == {"components", "model", "serving", "serving.yaml"}


def test_nothing_is_left_running(record: dict[str, Any]) -> None:
    # By the store, which is this session's own: another that runs here may serve a Bento of the same tag.
    served = str(Path(os.environ["BENTOML_HOME"]) / "bentos" / record["bento"].replace(":", "/"))
    assert Path(served).is_dir()
    assert not [one.pid for one in psutil.process_iter() if served in " ".join(_words(one))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
