"""What a measured choice belongs to."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest

from components.cores import read_processor
from components.evaluation import speed
from components.promptable.runtimes import machine
from components.promptable.runtimes.onnxruntime import onnxruntime


def test_the_machine_is_told_with_what_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "VERSIONED", ("numpy", "no_such_package"))
    told = machine.describe_machine()
    assert told["numpy"] == metadata.version("numpy") and told["no_such_package"] is None
    assert isinstance(told["cores"], int) and told["cores"] >= 1
    assert told["cpu"] and told == machine.describe_machine()


def test_another_build_of_onnx_runtime_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build for a GPU has the same module and version, and is another package."""
    before = machine.describe_machine()["onnxruntime"]
    assert before is not None and str(before).startswith(onnxruntime.__version__)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    assert machine.describe_machine()["onnxruntime"] == f"{onnxruntime.__version__} CUDAExecutionProvider"


def test_what_is_installed_and_cant_be_imported_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As half an installation, or a library that the system lacks."""
    monkeypatch.setitem(sys.modules, "components.promptable.runtimes.onnxruntime", None)
    assert machine.describe_machine()["onnxruntime"] == "can't be imported: ModuleNotFoundError"


def test_the_record_of_a_benchmark_tells_the_same_processor() -> None:
    name, flags = read_processor()
    told = speed.describe_machine()
    assert told["cpu"] == name and set(told["cpu_flags"]) <= flags
    assert str(machine.describe_machine()["cpu"]).startswith(name)
