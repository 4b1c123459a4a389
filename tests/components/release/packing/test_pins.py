"""The service's pins are those of its own imports, and of nothing else."""

from __future__ import annotations

import pytest

from components.params.serving import RuntimeChoice
from components.release.packing.pins import runtime_pins, service_packages


def test_pins_are_those_that_the_service_needs(root) -> None:
    pins = runtime_pins((root / "requirements.lock.txt").read_text())
    names = {line.split("==")[0].lower() for line in pins}
    assert {"torch", "bentoml", "sam2", "starlette", "pydicom", "highdicom", "hydra-core"} <= names
    assert not {"mlflow", "dvc", "prefect", "great-expectations"} & names
    assert set(pins) <= set((root / "requirements.lock.txt").read_text().splitlines())


def test_a_package_that_isnt_installed_keeps_its_pin() -> None:
    assert runtime_pins("nosuchpackage==1.0\nother==2\n", roots=("NoSuchPackage", "absent")) == ["nosuchpackage==1.0"]


@pytest.mark.parametrize(
    ("runtime", "there"),
    [
        ("onnxruntime", {"onnxruntime"}),
        ("pytorch", {"onnxruntime"}),
        ("openvino", {"onnxruntime", "openvino", "openvino-telemetry"}),
        ("auto", {"onnxruntime", "openvino", "openvino-telemetry"}),
    ],
)
def test_what_runs_the_model_is_pinned_too(root, runtime: RuntimeChoice, there: set[str]) -> None:
    lock = (root / "requirements.lock.txt").read_text()
    names = {line.split("==")[0].lower() for line in runtime_pins(lock, service_packages(runtime))}
    assert {name for name in names if name.startswith(("onnxruntime", "openvino"))} == there and "torch" in names
