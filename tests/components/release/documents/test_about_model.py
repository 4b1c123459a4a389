"""What is said of models and trainings follows their descriptions and parameters."""

from __future__ import annotations

from dataclasses import replace

from components.release.documents import about_model
from tests.components.release.documents.conftest import STUDENT, MakeRun


def test_a_model_without_adapters_is_said_to_have_none(make_run: MakeRun) -> None:
    assert "with a context-edge adapter in each block (variant as_drawn)" in about_model.model(make_run())
    bare = STUDENT.model_copy(update={"config": {"adapter": {"variant": "none"}}})
    assert "without adapters" in about_model.model(make_run(student=bare))


def test_a_model_is_said_to_stand_on_its_own_kind_of_trunk(make_run: MakeRun) -> None:
    assert "SAM2's Hiera trunk (embed_dim 16)" in about_model.model(make_run())
    trunk = {"kind": "rep", "widths": [16, 32, 64, 128]}
    rep = STUDENT.model_copy(update={"config": {"trunk": trunk, "adapter": {"variant": "as_drawn"}}})
    said = about_model.model(make_run(student=rep))
    assert "a trunk of re-parameterised convolutions (widths [16, 32, 64, 128]) with an edge branch in each" in said


def test_changes_beside_the_commit_are_told_or_unknown(make_run: MakeRun) -> None:
    assert "no file changed beside it" in about_model.software(make_run())
    dirty = STUDENT.model_copy(update={"provenance": {**STUDENT.provenance, "dirty": ["a.py", "b.py"]}})
    assert "with 2 files changed beside it" in about_model.software(make_run(student=dirty))
    lost = STUDENT.model_copy(update={"provenance": {}})
    assert "commit unknown, whether files were changed beside it isn't known" in about_model.software(
        make_run(student=lost)
    )


def test_training_follows_the_parameters(make_run: MakeRun) -> None:
    run = make_run()
    told = about_model.training(run)
    assert "its trunk trained too" in told and f"seed {run.params.distil.seed}" in told
    official = run.params.teacher.model_copy(update={"base": "sam2.1_hiera_large"})
    frozen = replace(run, params=run.params.model_copy(update={"teacher": official}))
    assert "its trunk frozen" in about_model.training(frozen)
    assert "from scratch (any other no)" in about_model.initial_weights(run)
    assert "64 px square" in about_model.preprocessing(run)
    assert "no training reads the test side. Whether people" in about_model.chosen_by(run)
