"""The arithmetic of the extrapolation, on measurements that are worked out by hand."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def extrapolate(root: Path) -> ModuleType:
    """The command as a module."""
    spec = importlib.util.spec_from_file_location("extrapolate", root / "benchmarks/extrapolate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """Measurements in round numbers: 10 ms an image and 100 ms a megapixel for each step."""
    steps = ("check", "harmonise", "split", "evaluate")
    rows = [
        {"step": step, "engine": engine, "images": images, "cpu_ms_an_image": cost_ms, "peak_mb": 500}
        for step in steps
        for engine, images, cost_ms in (("threads", 1000, 99.0), ("threads", 10_000, 10.0), ("ray", 100_000, 77.0))
    ]
    grown = {"step": "check", "engine": "threads", "images": [1000, 10_000], "kb_an_image": 10.24}
    scaling = {"rows": rows, "findings": [grown], "prompts": ["box"]}
    pixels = [
        {"step": step, "side_px": side_px, "cpu_ms_an_image": cost_ms}
        for step in steps
        for side_px, cost_ms in ((1000, 110.0), (0, 10.0))
    ]
    likeness = {"growth_exponent": 1.0, "rows": [{"images": 1000, "cpu_seconds": 36.0}]}
    form = {"images": 10, "size": {"shards": {"bytes": 1_000_000}}}
    said = {"scaling": scaling, "pixels": {"rows": pixels}, "near_copies": {"cost": likeness}, "harmonised_form": form}
    for name, content in said.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def test_steps_follow_images_pixels_models_and_machines(extrapolate: ModuleType, measured: Path) -> None:
    said = ["--images", "36000", "--megapixels", "0.5", "--models", "2", "--cores", "4", "--machines", "2"]
    args = extrapolate.parser().parse_args([*said, "--efficiency", "0.5", "--core-hour", "3"])
    rows = {row.what: row for row in extrapolate.steps(args, measured)}
    # 10 ms and half of 100 ms, 36,000 times: 0.6 h; eight cores at one half are four.
    assert rows["check"].core_hours == rows["harmonise"].core_hours == pytest.approx(0.6)
    assert rows["check"].hours == pytest.approx(0.15)
    assert rows["check"].money == pytest.approx(0.6 / 0.5 * 3)
    assert rows["evaluate"].core_hours == pytest.approx(1.2)
    assert rows["split"].core_hours == rows["split"].hours == pytest.approx(0.1)


def test_what_has_no_measurement_has_no_figure(extrapolate: ModuleType) -> None:
    rows = extrapolate.trainings(extrapolate.parser().parse_args(["--distil-images-per-s", "100"]))
    assert rows[0].hours is rows[0].gpu_hours is rows[0].money is None and "not measured" in rows[0].basis
    assert rows[1].hours == pytest.approx(280_000 * 0.7 * 100 / 100 / 3600) and rows[1].money is None


def test_bytes_push_likeness_and_memory(extrapolate: ModuleType, measured: Path) -> None:
    said = ["--images", "100000", "--raw-kb", "200", "--objects-per-s", "100", "--terabyte-month", "20"]
    said += ["--teacher-mb", "50", "--augment-rounds", "2"]
    args = extrapolate.parser().parse_args([*said, "--largest-dataset", "110000"])
    rows = {row.what: row for row in extrapolate.stores(args, measured)}
    assert rows["bytes: raw"].gigabytes == pytest.approx(20) and rows["bytes: harmonised"].gigabytes == pytest.approx(
        10
    )
    assert rows["bytes: remote"].money == pytest.approx(0.6)
    assert rows["bytes: teacher's outputs"].gigabytes == pytest.approx(70_000 * 2 * 0.05)
    assert rows["first push"].hours == pytest.approx(200_000 / 100 / 3600)
    assert extrapolate.likeness(args, measured).hours == pytest.approx(1.0)
    assert extrapolate.memory(args, measured) == ["check 1.5 GB for 110,000 (10.2 kB an image)"]
    fewer = extrapolate.parser().parse_args(["--largest-dataset", "2000"])
    assert extrapolate.memory(fewer, measured) == ["check 0.4 GB for 2,000 (10.2 kB an image)"]


def test_the_command_reads_what_is_committed(root: Path) -> None:
    command = [sys.executable, "benchmarks/extrapolate.py", "--json"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)["rows"]
    assert {"check", "harmonise", "split", "evaluate"} <= {row["what"] for row in rows}
