"""The teacher's stage writes a model that says where it comes from, and its curve; an interruption costs nothing."""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from components.errors import LayoutError
from components.params import load_params
from components.teacher.build import load_teacher
from pipelines.finetune import finetune
from pipelines.training import Curve, fingerprint, records_of
from tests.pipelines.conftest import Reached, make_job


def test_the_model_says_where_it_comes_from(reached: Reached) -> None:
    root = reached("finetune")
    teacher, described = load_teacher(root / "models/teacher")
    assert teacher.image_size_px == described.image_size_px == 64
    assert (described.kind, described.base, described.trained_on) == ("teacher", "scratch", ("busi",))
    assert described.phantom is True
    assert described.pretraining_exposure.of("fugc") == "no" and described.exposure.of("busi") == "yes"
    assert "created_at" not in described.provenance and described.provenance["stage"] == "finetune"


def test_the_curve_has_a_row_for_each_epoch(reached: Reached) -> None:
    root = reached("finetune")
    with (root / "reports/training/finetune.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1"]
    assert 0 <= float(rows[0]["val_dice"]) <= 1 and float(rows[0]["train_loss"]) > 0
    assert list((root / ".cache/stages/finetune").iterdir()) == [], "a finished training leaves no checkpoint"


def test_training_and_validation_records_are_apart(reached: Reached) -> None:
    root = reached("split")
    sides = {side: {record.image_id for record in records_of(root, side)} for side in ("train", "val", "test")}
    assert all(sides.values())
    assert not (sides["train"] & sides["val"] | sides["train"] & sides["test"] | sides["val"] & sides["test"])


@pytest.mark.usefixtures("plain_steps")
def test_an_interrupted_training_ends_as_an_unbroken_one(
    reached: Reached, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = tmp_path / "project"
    shutil.copytree(reached("finetune"), root, ignore=shutil.ignore_patterns("01_raw"))
    params = load_params(root / "params.yaml")
    longer = params.finetune.model_copy(update={"epochs": 3})
    params = params.model_copy(update={"finetune": longer})
    unbroken, _ = make_job(finetune, root, params=params)
    finetune.function(unbroken)
    weights = (root / "models/teacher/weights.safetensors").read_bytes()
    curve = (root / "reports/training/finetune.csv").read_bytes()

    def interrupted(self: Curve, metrics: dict[str, float], epoch: int) -> None:
        report(self, metrics, epoch)
        if epoch == 2:
            raise KeyboardInterrupt

    report = Curve.report
    with monkeypatch.context() as patch:
        patch.setattr(Curve, "report", interrupted)
        with pytest.raises(KeyboardInterrupt):
            finetune.function(make_job(finetune, root, params=params)[0])
    assert (root / ".cache/stages/finetune/checkpoint.pt").is_file()
    resumed, run = make_job(finetune, root, params=params)
    finetune.function(resumed)
    assert (root / "models/teacher/weights.safetensors").read_bytes() == weights
    assert (root / "reports/training/finetune.csv").read_bytes() == curve
    assert {step for name, step in run.metrics if name == "val_dice"} == {1, 2, 3}, "the new run has the whole curve"
    shown = run.figures["finetune.png"]["score on val"]["dice"]
    assert shown == [[epoch, run.metrics["val_dice", epoch]] for epoch in (1, 2, 3)]
    assert len(run.figures["finetune.png"]["loss on train"]["loss"]) == 3


@pytest.mark.usefixtures("plain_steps")
def test_a_side_without_objects_is_refused(reached: Reached) -> None:
    root = reached("split")
    params = load_params(root / "params.yaml")
    prompts = params.prompts.model_copy(update={"min_area_px": 10**9})
    with pytest.raises(LayoutError, match=r"none of the \d+ train images"):
        finetune.function(make_job(finetune, root, params=params.model_copy(update={"prompts": prompts}))[0])


def test_the_fingerprint_follows_parameters_and_data(reached: Reached) -> None:
    root = reached("split")
    params = load_params(root / "params.yaml")
    job, _ = make_job(finetune, root)
    same, _ = make_job(finetune, root)
    other = params.model_copy(update={"finetune": params.finetune.model_copy(update={"seed": 99})})
    changed, _ = make_job(finetune, root, params=other)
    assert fingerprint(job) == fingerprint(same) != fingerprint(changed)


def test_the_fingerprint_follows_code_but_not_where_it_runs(reached: Reached, monkeypatch: pytest.MonkeyPatch) -> None:
    job, _ = make_job(finetune, reached("split"))
    before = fingerprint(job)
    module = ModuleType("any")
    module.__file__ = __file__
    monkeypatch.setitem(sys.modules, "components.engines.another", module)
    assert fingerprint(job) == before
    monkeypatch.setitem(sys.modules, "components.another", module)
    assert fingerprint(job) != before
