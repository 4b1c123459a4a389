"""Sister students: none unless asked for, distilled as the student is, kept when seeds are added, scored apart."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from components.artefacts import read_description
from components.errors import ArtefactError
from components.params import SpreadParams, load_params
from pipelines import distil as distil_stage
from pipelines import spread as spread_stage
from pipelines.distil import distil
from pipelines.spread import FOLDER, finished, spread
from pipelines.validate_internal import validate_internal
from pipelines.validation import _sisters
from tests.pipelines.conftest import Reached, make_job


def run_spread(root: Path, *seeds: int) -> tuple[dict[str, Any], Any]:
    """The list that the stage writes for these seeds, and what it told its run."""
    params = load_params(root / "params.yaml")
    params = params.model_copy(update={"spread": SpreadParams(seeds=seeds)})
    job, run = make_job(spread, root, params=params)
    spread.function(job)
    return json.loads((root / FOLDER / "spread.json").read_text(encoding="utf-8")), run


@pytest.fixture(scope="module")
def widened(reached: Reached, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small project, which these tests may change."""
    root = tmp_path_factory.mktemp("spread") / "project"
    shutil.copytree(reached("validate_internal"), root, symlinks=True, ignore=shutil.ignore_patterns("01_raw"))
    return root


def test_it_reads_what_distil_reads_and_the_seeds() -> None:
    assert (*distil_stage.PARAMS, "spread") == spread_stage.PARAMS and spread_stage.DATA == distil_stage.DATA


def test_no_sister_is_trained_unless_asked_for(reached: Reached) -> None:
    folder = reached("spread") / FOLDER
    found = json.loads((folder / "spread.json").read_text(encoding="utf-8"))
    assert found == {"schema": 1, "candidate_seed": 12, "sisters": []}
    assert [path.name for path in folder.iterdir()] == ["spread.json"]


@pytest.mark.usefixtures("plain_steps")
def test_a_sister_is_the_student_that_distil_makes_with_that_seed(
    widened: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, run = run_spread(widened, 21)
    (sister,) = found["sisters"]
    params = load_params(widened / "params.yaml")
    params = params.model_copy(update={"distil": params.distil.model_copy(update={"seed": 21})})
    monkeypatch.setattr(distil_stage, "MODEL", Path("models/other"))
    distil.function(make_job(distil, widened, params=params)[0])
    assert sister["digest"] == read_description(widened / "models/other").digest
    assert sister["digest"] != read_description(widened / "models/student").digest
    described = read_description(widened / FOLDER / "21")
    assert described.provenance["seeds"] == {"distil.seed": 21} and described.phantom is True
    assert run.metrics["seed_21/best_val_dice", 0] == sister["val_dice"]
    assert (widened / FOLDER / "21/seed_21.csv").read_text(encoding="utf-8").count("\n") == 2


@pytest.mark.usefixtures("plain_steps")
def test_a_finished_sister_is_kept_when_seeds_come_and_go(widened: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = run_spread(widened, 21)
    trained: list[int] = []
    learn = distil_stage.learn

    def counted(job: Any, *args: Any, **kwargs: Any) -> Any:
        trained.append(job.params.distil.seed)
        return learn(job, *args, **kwargs)

    monkeypatch.setattr(distil_stage, "learn", counted)
    both, _ = run_spread(widened, 22, 21)
    assert trained == [22] and both["sisters"][1] == first["sisters"][0]
    weights = widened / FOLDER / "22/weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    (widened / FOLDER / ".22.0123abcd.tmp").mkdir()
    again, _ = run_spread(widened, 22)
    assert trained == [22, 22] and again["sisters"] == both["sisters"][:1], "an altered sister is trained again"
    assert {path.name for path in (widened / FOLDER).iterdir()} == {"spread.json", "22"}
    kept = json.loads((widened / FOLDER / "22/training.json").read_text(encoding="utf-8"))
    assert finished(widened / FOLDER / "22", kept["fingerprint"]) == again["sisters"][0]
    assert finished(widened / FOLDER / "22", "another") is None, "other data, parameters or code: another sister"


@pytest.mark.parametrize("text", ["", '{"cut', "{}", "[]", '{"fingerprint": "key", "sister": {"seed": 1}}'])
def test_a_record_that_was_cut_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"")
    (tmp_path / "training.json").write_text(text, encoding="utf-8")
    assert finished(tmp_path, "key") is None


@pytest.mark.parametrize("text", ["", '{"cut', "{}", "[]", '{"sisters": [{"seed": 1}]}'])
def test_a_list_that_was_cut_is_said_with_its_remedy(text: str, tmp_path: Path) -> None:
    path = tmp_path / "models/spread/spread.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArtefactError, match="lists no students"):
        _sisters(tmp_path, torch.device("cpu"))


@pytest.mark.usefixtures("plain_steps")
def test_sisters_are_scored_and_stand_apart(widened: Path) -> None:
    found, _ = run_spread(widened, 21)
    validate_internal.function(make_job(validate_internal, widened)[0])
    cases = pd.read_parquet(widened / "reports/internal/cases.parquet")
    metrics = json.loads((widened / "reports/internal/metrics.json").read_text(encoding="utf-8"))
    sister = cases[cases["model"] == "student_seed_21"]
    assert set(sister["prompt"]) == {"box", "box_jitter", "click"}
    assert metrics["models"]["student_seed_21"]["digest"] == found["sisters"][0]["digest"]
    assert set(metrics["seeds"]["each"]["busi"]["box"]) == {"student", "student_seed_21"}
    assert metrics["seeds"]["spread"]["all"]["box"]["n"] == 1
    assert "student_seed_21" not in metrics["datasets"]["busi"]["prompts"]["box"]
    assert not any("seed" in pair for pair in metrics["datasets"]["busi"]["differences"]["box"])
    (widened / FOLDER / "21").rename(widened / FOLDER / "kept")
    shutil.copytree(widened / "models/student", widened / FOLDER / "21")
    with pytest.raises(ArtefactError, match="of seed"):
        validate_internal.function(make_job(validate_internal, widened)[0])
