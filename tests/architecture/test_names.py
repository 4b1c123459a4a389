"""One stage has one name: DVC stage, flow, module, function and test file."""

from __future__ import annotations

import importlib

import pytest
import yaml

from components.contract import contract_names, load_contract
from components.params import load_params
from pipelines.graph import STAGES
from pipelines.runtime.stage import Stage
from pipelines.runtime.steps import Step
from tests.architecture.closure import ROOT

DECLARED = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def test_the_graph_has_these_stages_in_this_order() -> None:
    assert tuple(DECLARED) == STAGES


@pytest.mark.parametrize("name", STAGES)
def test_module_function_flow_command_and_test_share_the_name(name: str) -> None:
    stage = getattr(importlib.import_module(f"pipelines.{name}"), name)
    assert isinstance(stage, Stage)
    assert stage.name == stage.flow.name == name
    declared = DECLARED[name].get("do", DECLARED[name])
    assert declared["cmd"] == f"python -m pipelines.{name}" + (" ${key}" if stage.per_dataset else "")
    assert ("foreach" in DECLARED[name]) == stage.per_dataset
    assert (ROOT / f"tests/pipelines/test_{name}.py").is_file()


@pytest.mark.parametrize("name", STAGES)
def test_tasks_have_limits_and_no_cache(name: str) -> None:
    from prefect.cache_policies import NO_CACHE

    module = importlib.import_module(f"pipelines.{name}")
    steps = [value for value in vars(module).values() if isinstance(value, Step)]
    assert steps
    for step in steps:
        assert step.task.cache_policy == NO_CACHE
        assert step.task.persist_result is False
        assert step.task.timeout_seconds == step.timeout_s > 0
        assert step.task.retry_condition_fn is not None
    flow = getattr(module, name).flow
    assert flow.persist_result is False
    assert flow.timeout_seconds >= max(step.timeout_s for step in steps)


def test_contracts_and_parameters_agree_on_roles() -> None:
    datasets = load_params(ROOT / "params.yaml").datasets
    for name in contract_names(ROOT / "data/contracts"):
        if name in datasets:
            assert datasets[name].role == load_contract(name, ROOT / "data/contracts").role
    assert set(datasets) <= set(contract_names(ROOT / "data/contracts"))


def test_every_file_of_the_library_has_its_test() -> None:
    """Each room has tests; a room without any would be one that nobody looks after."""
    rooms = {path.parent.name for path in (ROOT / "components").glob("*/__init__.py")}
    tested = {path.name for path in (ROOT / "tests/components").iterdir() if path.is_dir()}
    single = {path.stem.removeprefix("test_") for path in (ROOT / "tests/components").glob("test_*.py")}
    assert rooms <= tested | single
