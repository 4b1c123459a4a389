"""`dvc.yaml` against the code: every module, file and parameter that a stage reads is declared, and no others."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.params import PHANTOM_SOURCE, Params
from pipelines.graph import STAGES
from pipelines.runtime.stage import Stage
from tests.architecture.closure import ROOT, files_needed

DECLARED: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def entry(stage: str) -> dict[str, Any]:
    """A stage's declaration; that of each dataset for a stage with `foreach`."""
    declared: dict[str, Any] = DECLARED[stage]
    return declared.get("do", declared)


def paths(items: list[Any]) -> set[str]:
    """Declared paths; one with options is a mapping of one key."""
    return {next(iter(item)) if isinstance(item, dict) else item for item in items}


def stage_of(name: str) -> Stage:
    """The stage object of a pipeline's module."""
    found: Stage = getattr(importlib.import_module(f"pipelines.{name}"), name)
    return found


def covered(file: str, deps: set[str]) -> bool:
    """Whether a file is a dep or lies in one."""
    return any(file == dep or file.startswith(f"{dep}/") for dep in deps)


def is_code(path: str) -> bool:
    """Whether a declared path is code of the project."""
    return path.startswith(("components", "pipelines", "serving"))


@pytest.mark.parametrize("stage", STAGES)
def test_deps_cover_every_module_that_the_stage_imports(stage: str) -> None:
    deps = paths(entry(stage)["deps"])
    if stage == "ingest":
        # `${item.source}` is the generator's folder wherever the generator runs; an imported folder needs none of it.
        deps.add(PHANTOM_SOURCE)
    missing = sorted(file for file in files_needed(f"pipelines.{stage}") if not covered(file, deps))
    assert not missing, f"add to the deps of {stage} in dvc.yaml: {missing}"


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_exist_and_are_needed(stage: str) -> None:
    needed = files_needed(f"pipelines.{stage}")
    for dep in paths(entry(stage)["deps"]):
        if not is_code(dep):
            continue
        assert (ROOT / dep).exists(), dep
        # The Bento that these stages build carries components and serving as files.
        assert stage in ("package", "promote") or any(covered(file, {dep}) for file in needed), (
            f"{stage} doesn't import {dep}"
        )


@pytest.mark.parametrize("stage", STAGES)
def test_data_deps_are_those_that_the_flow_declares(stage: str) -> None:
    declared = {dep for dep in paths(entry(stage)["deps"]) if not is_code(dep)} - {"requirements.lock.txt"}
    assert declared == set(stage_of(stage).data)


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_are_those_that_the_flow_declares(stage: str) -> None:
    assert entry(stage).get("params", []) == list(stage_of(stage).params)


def test_every_section_of_the_parameters_is_read_by_some_stage() -> None:
    read = {section.split(".")[0] for stage in STAGES for section in stage_of(stage).params}
    # Who does the work, never what comes of it (components/params/engine.py): changing it must run nothing again.
    assert read == set(Params.model_fields) - {"engine"}


def test_students_are_found_at_run_time_so_their_whole_folder_is_a_dep() -> None:
    for stage in STAGES:
        if "components/students/__init__.py" in files_needed(f"pipelines.{stage}"):
            assert covered("components/students/any.py", paths(entry(stage)["deps"])), stage


def test_peers_are_found_at_run_time_so_their_whole_folder_is_a_dep() -> None:
    for stage in STAGES:
        if "components/evaluation/peers/__init__.py" in files_needed(f"pipelines.{stage}"):
            assert covered("components/evaluation/peers/any.py", paths(entry(stage)["deps"])), stage


def test_the_tracking_writer_is_started_by_name_so_its_folder_is_a_dep() -> None:
    assert all(covered("components/tracking/writer.py", paths(entry(stage)["deps"])) for stage in STAGES)


def test_no_data_stage_depends_on_a_network() -> None:
    networks = ("components/promptable", "components/teacher", "components/students", "components/training")
    for stage in ("ingest", "validate_data", "harmonise", "split"):
        assert not [dep for dep in paths(entry(stage)["deps"]) if dep.startswith(networks)]


def test_outputs_dont_overlap_and_are_ignored_by_git() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8")
    outputs = [
        out for stage in STAGES for kind in ("outs", "metrics", "plots") for out in paths(entry(stage).get(kind, []))
    ]
    assert len(outputs) == len(set(outputs))
    for out in outputs:
        assert not any(other != out and other.startswith(f"{out}/") for other in outputs), out
        assert f"/{Path(out).parts[0]}/" in ignored or f"/{'/'.join(Path(out).parts[:2])}/" in ignored, out
