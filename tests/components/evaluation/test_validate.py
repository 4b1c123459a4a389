"""The validation: what it scores, that it resumes, and that it refuses leaks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.errors import LeakError
from components.evaluation.scoring.appearance import object_contrast
from components.evaluation.scoring.cases import Contender, mask_of_row, prompt_from_json
from components.evaluation.scoring.metrics import dice
from components.evaluation.scoring.table import CASE_COLUMNS
from components.evaluation.validate import ValidationResult, finish, select_test, validate
from components.intake.form.records import load_image, load_instances
from components.journal import LINES
from components.types import Record
from tests.components.evaluation.conftest import ThresholdPredictor, dataset_maker


@pytest.fixture(scope="module")
def validated(models, prompts, params, tmp_path_factory) -> tuple[ValidationResult, ThresholdPredictor]:
    """A validation of two datasets, one of which states its spacing, and what it was asked."""
    folder, predictor = tmp_path_factory.mktemp("validated"), ThresholdPredictor()
    make_dataset = dataset_maker(folder / "harmonised")
    result = validate(
        make_dataset("busi", 6) + make_dataset("ddti", 4, spacing=True),
        models=models,
        prompts=prompts,
        params=params,
        device="cpu",
        partial=folder / "p",
        predictor=predictor,
    )
    return result, predictor


def test_every_case_is_scored_for_every_contender(validated) -> None:
    result, predictor = validated
    cases = result.cases
    assert list(cases.columns) == list(CASE_COLUMNS)
    assert len(cases) == 10 * (3 * 2 + 2 * 3)  # 3 prompts for 2 models, 3 baselines where there is a box
    for who in ("ellipse", "filled_box", "grabcut"):
        assert set(cases[cases["model"] == who]["prompt"]) == {"box", "box_jitter"}
    assert set(cases["object_index"]) == {1}
    assert predictor.embedded.count("0") == predictor.embedded.count("1") == 10
    assert cases[cases["model"] == "teacher"]["dice"].eq(1).all()
    row = cases[cases["model"] == "student"].iloc[7].to_dict()
    record = next(r for r in result.records if r.image_id == row["image_id"])
    assert dice(load_instances(record) == 1, mask_of_row(row)) == row["dice"]
    assert row["contrast"] == object_contrast(load_image(record), load_instances(record), 1) > 1
    assert row["calipers"] == 0 and cases.groupby("case_id")["contrast"].nunique().eq(1).all()


def test_scanner_and_site_reach_the_cases_and_the_summary(
    make_dataset, predictor, models, prompts, params, tmp_path
) -> None:
    records = make_dataset("busi", 6)
    stated = [
        replace(record, scanner="old" if index < 2 else "new", site="here") if index < 5 else record
        for index, record in enumerate(records)
    ]

    def run(records: list[Record]) -> ValidationResult:
        return validate(
            records,
            models=models,
            prompts=prompts,
            params=params,
            device="cpu",
            partial=tmp_path / "p",
            predictor=predictor,
        )

    # Rows of before it was known aren't taken for those of after.
    assert run(records).metrics["datasets"]["busi"]["origins"] == {}
    result = run(stated)
    found = result.metrics["datasets"]["busi"]
    assert found["origins"] == {"scanner": {"new": 3, "old": 2}, "site": {"here": 5}}
    kinds = {(one["kind"], one["name"]) for one in found["subgroups"]["box"]["each"]}
    assert {("scanner", "new"), ("scanner", "old")} <= kinds
    assert set(result.cases[result.cases["image_id"] == records[0].image_id]["scanner"]) == {"old"}


def test_all_models_see_the_same_prompts(validated) -> None:
    result, _ = validated
    seen = result.cases.groupby(["case_id", "prompt"])["prompt_json"].nunique()
    assert seen.eq(1).all()
    kinds = result.cases.drop_duplicates(["case_id", "prompt"])
    jittered = [prompt_from_json(t).box_xyxy for t in kinds[kinds["prompt"] == "box_jitter"]["prompt_json"]]
    exact = [prompt_from_json(t).box_xyxy for t in kinds[kinds["prompt"] == "box"]["prompt_json"]]
    assert all(a != b for a, b in zip(jittered, exact, strict=True))


def test_metrics_have_the_published_shape(validated) -> None:
    metrics = validated[0].metrics
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert metrics["schema"] == 1
    assert metrics["model"] == {"name": "hiera_mini", "digest": "a" * 64, "phantom": True}
    assert metrics["models"]["teacher"]["digest"] == "b" * 64
    assert metrics["phantom"] is True
    busi = metrics["datasets"]["busi"]
    assert (busi["images"], busi["groups"], busi["cases"]) == (6, 3, 6)
    found = busi["prompts"]["box_jitter"]["student"]["dice"]
    assert found["ci95"][0] <= found["mean"] <= found["ci95"][1]
    assert (found["n"], found["undefined"]) == (6, 0)
    assert "hd95_mm" not in busi["prompts"]["box"]["student"]
    assert metrics["datasets"]["ddti"]["prompts"]["box"]["student"]["hd95_mm"]["n"] == 4
    assert busi["prompts"]["click"]["teacher"]["dice"]["mean"] == 1
    difference = busi["differences"]["box"]["student-ellipse"]["dice"]["mean"]
    by_who = {who: value["dice"]["mean"] for who, value in busi["prompts"]["box"].items()}
    assert difference == pytest.approx(by_who["student"] - by_who["ellipse"])


def test_a_model_that_finds_nothing_is_counted_not_dropped(make_dataset, predictor, prompts, params, tmp_path) -> None:
    blind = {"student": Contender(40, "c" * 64, "blind", phantom=True)}
    metrics = validate(
        make_dataset("busi", 4),
        models=blind,
        prompts=prompts,
        params=params,
        device="cpu",
        partial=tmp_path / "p",
        predictor=predictor,
    ).metrics
    student = metrics["datasets"]["busi"]["prompts"]["box"]["student"]
    said = {"mean": 0.0, "ci95": [0.0, 0.0], "n": 4, "undefined": 0, "groups": 2, "sufficient": True}
    assert student["dice"] == said
    assert student["miss_rate"]["count"] == 4
    assert student["hd95"]["mean"] == pytest.approx(np.hypot(72, 90))


def test_an_interrupted_validation_continues(make_dataset, predictor, models, prompts, params, tmp_path) -> None:
    records = make_dataset("busi", 6)
    partial = tmp_path / ".internal.partial"
    arguments = {"models": models, "prompts": prompts, "params": params, "device": "cpu", "partial": partial}
    predictor.fail_after = 7
    with pytest.raises(KeyboardInterrupt):
        validate(records, **arguments, predictor=predictor)
    rows = partial / LINES
    rows.write_text(rows.read_text() + '\n{"key": "torn', encoding="utf-8")
    again = type(predictor)()
    seen: list[tuple[int, int]] = []
    resumed = validate(records, **arguments, predictor=again, progress=lambda *at: seen.append(at))
    assert len(again.embedded) == 2 * 3  # three of six images were done
    assert seen[0] == (0, 6) and seen[-1] == (6, 6)
    whole = validate(records, **{**arguments, "partial": tmp_path / "other"}, predictor=type(predictor)())
    pd.testing.assert_frame_equal(resumed.cases, whole.cases)
    assert resumed.metrics == whole.metrics
    finish(partial)
    assert not partial.exists()


def test_kept_rows_of_another_model_prompt_or_truth_are_not_used(
    make_dataset, predictor, models, prompts, params, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("components.evaluation.validate.summarise", lambda *_, **__: {})
    records = make_dataset("busi", 3)
    arguments = {"models": models, "prompts": prompts, "params": params, "device": "cpu", "partial": tmp_path / "p"}
    validate(records, **arguments, predictor=predictor)
    evaluate = prompts.evaluate.model_copy(update={"seed": 6})
    changes = {
        "models": {**models, "student": Contender(2, "d" * 64, "hiera_mini", phantom=True)},
        "prompts": prompts.model_copy(update={"evaluate": evaluate}),
        "params": params.model_copy(update={"nsd_tolerance_px": 4.0}),
    }
    for name, value in {**changes, "device": "cuda"}.items():
        again = type(predictor)()
        validate(records, **{**arguments, name: value}, predictor=again)
        assert len(again.embedded) == 6
    changed = replace(records[0], mask_path=records[1].mask_path, mask_span=records[1].mask_span)
    again = type(predictor)()
    validate([changed, *records[1:]], **arguments, predictor=again)
    assert len(again.embedded) == 2


def test_no_dataset_is_no_crash(models, prompts, params, tmp_path) -> None:
    result = validate([], models=models, prompts=prompts, params=params, device="cpu", partial=tmp_path / "p")
    assert result.metrics["datasets"] == {}
    assert result.metrics["phantom"] is True, "the student was trained on phantoms"
    assert list(result.cases.columns) == list(CASE_COLUMNS)


def split_of(records, parts) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"dataset": r.dataset, "image_id": r.image_id, "group": r.group, "split": part}
            for r, part in zip(records, parts, strict=True)
        ]
    )


def test_the_test_images_are_those_of_the_split(make_dataset) -> None:
    records = make_dataset("busi", 6)
    split = split_of(records, ["train", "train", "val", "val", "test", "test"])
    assert [r.image_id for r in select_test(records, split)] == ["busi_04", "busi_05"]


def test_the_splits_group_is_what_cases_carry(make_dataset) -> None:
    records = make_dataset("busi", 6)
    split = split_of(records, ["train", "train", "val", "val", "test", "test"])
    split.loc[split["split"] == "test", "group"] = "busi/joined"
    assert {r.group for r in select_test(records, split)} == {"busi/joined"}


def test_a_group_or_image_on_both_sides_of_the_split_is_refused(make_dataset) -> None:
    records = make_dataset("busi", 6)
    with pytest.raises(LeakError, match="group g2 of busi"):
        select_test(records, split_of(records, ["train", "train", "val", "val", "train", "test"]))
    copied = [*records[:5], replace(records[5], pixels_md5=records[0].pixels_md5)]
    with pytest.raises(LeakError, match=r"busi/busi_00, image busi/busi_05"):
        select_test(copied, split_of(records, ["train", "train", "val", "val", "test", "test"]))


def test_the_partial_folder_may_be_absent(tmp_path: Path) -> None:
    finish(tmp_path / "never made")
