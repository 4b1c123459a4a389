"""Imports run one way; each big library lives in one place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.architecture.closure import ROOT


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
