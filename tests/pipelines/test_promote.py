"""A refusal is recorded and moves nothing; a PASS moves ledger, alias and Bento."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.artefacts import read_description, sha256_of, write_json
from components.release.files import bento_files
from components.release.packing.packaged import CANDIDATE, PACKAGE, read_package
from components.release.records.in_use import champion_folder
from components.release.records.ledger import LEDGER, read_ledger
from tests.pipelines.conftest import Reached


def test_a_refusal_is_recorded_with_its_reasons(reached: Reached) -> None:
    root = reached("promote")
    promotion = json.loads((root / "reports/promotion.json").read_text(encoding="utf-8"))
    assert promotion["action"] == "refused" and promotion["bento"] is None and promotion["to"] is None
    assert promotion["reasons"]
    assert (root / LEDGER).read_text(encoding="utf-8").count("\n") == 1
    assert champion_folder(root) is None


@pytest.fixture
def passed(reached: Reached, tmp_path: Path, root: Path) -> Path:
    """The small project after its gate, with a verdict that says PASS of the very student that is there."""
    folder = tmp_path / "project"
    left = shutil.ignore_patterns("01_raw", "released", "released.end.json", "promotion.json", ".bentoml")
    shutil.copytree(reached("gate"), folder, ignore=left, symlinks=True)
    (folder / "pipelines").symlink_to(root / "pipelines")
    gate = json.loads((folder / "reports/gate.json").read_text(encoding="utf-8"))
    checks = [{**check, "verdict": "PASS"} for check in gate["checks"]]
    write_json(folder / "reports/gate.json", {**gate, "verdict": "PASS", "checks": checks})
    assert read_package(folder / PACKAGE).model.digest == gate["model"]["digest"]
    return folder


def _promote(folder: Path) -> dict[str, Any]:
    """Run the stage as DVC's command does, with its own server and Bento store."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "BENTOML_", "MLFLOW_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.promote"],
        cwd=folder,
        env=kept | {"SONOFORGE_ACTOR": "tester"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads((folder / "reports/promotion.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.service
def test_a_pass_becomes_the_model_in_use_with_its_bento_once(passed: Path) -> None:
    digest = read_description(passed / "models/student").digest
    promotion = _promote(passed)
    assert (promotion["action"], promotion["from"], promotion["to"]) == ("promoted", None, digest)
    released = champion_folder(passed)
    assert released == passed / promotion["folder"]
    assert sha256_of(released / "weights.safetensors") == digest
    assert json.loads((released / "gate.json").read_text(encoding="utf-8"))["verdict"] == "PASS"

    name, version = promotion["bento"].split(":")
    bento = passed / ".bentoml/bentos" / name / version / "src"
    assert version.startswith(digest[:12])
    assert sha256_of(bento / "model/weights.safetensors") == digest
    assert (bento / "serving/service.py").is_file()
    judged = read_package(passed / PACKAGE)
    assert bento_files(bento.parent) == judged.files, "what was judged, and its papers"
    assert {path.name for path in (bento / "model").iterdir()} - {
        path.name for path in (passed / CANDIDATE).iterdir()
    } == {*("card.json", "card.md", "gate.json", "files.json")}
    assert not (bento / "model/golden").exists() and not (released / "golden").exists()

    with sqlite3.connect(passed / ".mlflow/mlflow.db") as database:
        aliases = list(database.execute("select alias, version from registered_model_aliases"))
        runs = list(database.execute("select name, status from runs where name = 'promote'"))
    assert dict(aliases) == dict.fromkeys(("candidate", "champion"), promotion["version"])
    assert runs == [("promote", "FINISHED")]

    again = _promote(passed)
    assert (again["action"], again["to"], again["bento"]) == ("already champion", digest, promotion["bento"])
    (entry,) = read_ledger(passed / LEDGER).entries
    assert (entry.action, entry.who) == ("promote", "tester")
    assert entry.package_sha256 == judged.package_sha256 == promotion["package"]
    assert entry.calibration_sha256 == sha256_of(released / "calibration.json")
