"""Imports run one way; each big library lives in one place."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.architecture.closure import ROOT

SOURCES = ("components", "pipelines", "serving", "benchmarks", "tests")


def test_import_contracts_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_data_stages_and_help_load_no_heavy_library() -> None:
    heavy = ["torch", "prefect", "mlflow", "bentoml", "great_expectations", "matplotlib", "albumentations"]
    modules = ["pipelines.cli", "pipelines.ingest", "pipelines.validate_data", "pipelines.harmonise", "pipelines.split"]
    code = f"import sys, {', '.join(modules)}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_onnx_runtime_is_imported_where_its_telemetry_is_off() -> None:
    """Wherever else it is imported first, it would tell its maker."""
    imports = re.compile(r"^\s*(?:import|from) onnxruntime\b|import_module\(.onnxruntime", re.MULTILINE)
    files = [path for folder in SOURCES for path in (ROOT / folder).rglob("*.py")]
    found = [path.relative_to(ROOT).as_posix() for path in files if imports.search(path.read_text(encoding="utf-8"))]
    assert found == ["components/promptable/runtimes/onnxruntime.py"]
