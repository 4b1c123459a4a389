"""State stays in the project, nothing is reported, and nothing pickled is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.runtime.environment import ProjectError, prepare, project_root


def test_importing_a_pipeline_sets_the_environment_before_libraries_load(root: Path) -> None:
    code = (
        "import sys, os, pipelines.split; import albumentations;"
        "print(os.environ['NO_ALBUMENTATIONS_UPDATE'], os.environ['PREFECT_HOME'], os.environ['OMP_WAIT_POLICY'])"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "OMP", "NO_ALB"))}
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=kept, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", str(root / ".prefect"), "PASSIVE"]


def test_safety_is_not_a_default_but_homes_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "true")
    monkeypatch.setenv("PREFECT_HOME", "/elsewhere")
    prepare(tmp_path)
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["PREFECT_HOME"] == "/elsewhere"


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError, match="project's root"):
        project_root()
    monkeypatch.chdir(root)
    assert project_root() == root


@pytest.mark.parametrize("name", ["why?", "50%20"])
def test_a_path_that_no_database_can_name_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / name
    project.mkdir()
    for file in ("params.yaml", "dvc.yaml"):
        (project / file).touch()
    monkeypatch.chdir(project)
    with pytest.raises(ProjectError, match="rename that folder"):
        project_root()
