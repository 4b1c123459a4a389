"""A model loaded again against the masks that were scored."""

from __future__ import annotations

import pytest

from components.evaluation.parity import golden_parity
from components.evaluation.validate import validate


def test_the_same_model_gives_the_same_masks_and_another_is_found(
    make_dataset, predictor, models, prompts, params, tmp_path
) -> None:
    records = make_dataset("busi", 4) + make_dataset("ddti", 3)
    cases = validate(
        records,
        models=models,
        prompts=prompts,
        params=params,
        device="cpu",
        partial=tmp_path / "p",
        predictor=predictor,
    ).cases
    same = golden_parity(cases, records, models["student"].segmenter, predictor=predictor)
    assert (same.cases, same.worst_share) == (2 * 2 * 3, 0.0)
    other = golden_parity(cases, records, models["teacher"].segmenter, images_per_dataset=1, predictor=predictor)
    assert other.cases == 2 * 3
    students = cases[(cases["model"] == "student") & cases["image_id"].isin(["busi_00", "ddti_00"])]
    lost = (students["area_px"] - students["predicted_area_px"]) / (72 * 90)
    assert other.worst_share == pytest.approx(lost.max())


def test_no_case_is_no_proof(make_dataset, predictor, models, prompts, params, tmp_path) -> None:
    cases = validate(
        [], models=models, prompts=prompts, params=params, device="cpu", partial=tmp_path / "p", predictor=predictor
    ).cases
    assert golden_parity(cases, [], 0, predictor=predictor).cases == 0
