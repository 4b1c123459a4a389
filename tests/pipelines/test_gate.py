"""A verdict with reasons; a bad one is a result, not an error."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

import pytest

from components.artefacts import read_description
from pipelines.gate import collect, gate
from tests.pipelines.conftest import Reached, make_job

SIDES = ("internal", "external")


def test_one_epoch_on_a_few_phantoms_isnt_enough_and_the_verdict_says_why(reached: Reached) -> None:
    root = reached("gate")
    gate = json.loads((root / "reports/gate.json").read_text(encoding="utf-8"))
    assert gate["verdict"] in {"FAIL", "INSUFFICIENT"}
    assert gate["phantom"] is True
    assert gate["model"]["digest"] == read_description(root / "models/student").digest
    checks = {check["id"]: check for check in gate["checks"]}
    assert checks["cases:busi"]["verdict"] == "INSUFFICIENT", "four images are fewer than twenty"
    assert checks["leak"]["verdict"] == "PASS" and checks["data:fugc"]["verdict"] == "PASS"
    assert checks["sides"]["verdict"] == "PASS" and "phantoms only" in checks["sides"]["reason"]
    assert all(check["reason"] for check in gate["checks"])
    assert checks["declared"]["verdict"] == "PASS", "nothing was changed since its training"
    assert {checks[f"{check}:{side}"]["verdict"] for check in ("rows", "scores", "scored_by") for side in SIDES} == {
        "PASS"
    }
    assert set(gate["judged_on"]) == {"git_sha", "dirty", "params_sha256", "judging_sha256"}


def test_the_faults_of_a_departed_dataset_are_removed(reached: Reached, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(reached("validate_external"), root, ignore=shutil.ignore_patterns("01_raw"))
    shutil.copytree(root / "reports/data/busi", root / "reports/data/left")
    collect.function(make_job(gate, root)[0])
    assert {path.name for path in (root / "reports/data").iterdir()} == {"busi", "fugc"}


@pytest.mark.parametrize("name", ["finetune", "distil", "validate_internal", "validate_external", "gate"])
def test_stages_that_use_the_gpu_say_so(name: str) -> None:
    stage = getattr(importlib.import_module(f"pipelines.{name}"), name)
    assert stage.on_gpu, "its provenance would name the CPU"
