"""Every kind of prompt, an untrained student and what comes of it: cases, means, report, and the same scores again."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch

from components.evaluation.parity import golden_parity
from components.evaluation.reporting.report import write_validation
from components.evaluation.scoring.cases import METRIC_COLUMNS, Contender, prompt_from_json, rescore
from components.evaluation.scoring.metrics import Tolerances
from components.evaluation.validate import validate
from components.intake.form.records import load_instances
from components.params import PromptKind
from components.promptable.adapter import AdapterConfig
from components.promptable.build import HieraConfig, build_segmenter
from components.types import Prompt

ALL_KINDS = tuple(kind for union in get_args(PromptKind) for kind in get_args(union))
TINY = HieraConfig(
    "sam2.1_hiera_t.yaml", embed_dim=16, stages=(1, 1, 2, 1), global_att_blocks=(3,), window_spec=(8, 4, 4, 2)
)


@pytest.fixture
def scored(make_dataset, prompts, params, tmp_path):
    """A validation of an untrained student of 64 px on all kinds, its images and its model."""
    records = make_dataset("busi", 3, radii_px=(6, 9)) + make_dataset("ddti", 1, spacing=True, radii_px=(6, 9))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        segmenter = build_segmenter(TINY, AdapterConfig(), image_size_px=64, draws_prompts=True).eval()
    result = validate(
        records,
        models={"student": Contender(segmenter, "a" * 64, "tiny", phantom=True)},
        prompts=prompts.model_copy(update={"evaluate": prompts.evaluate.model_copy(update={"kinds": ALL_KINDS})}),
        params=params,
        device="cpu",
        partial=tmp_path / "p",
    )
    return result, records, segmenter


def test_all_kinds_are_scored_told_and_can_be_scored_again(scored, tmp_path) -> None:
    result, records, segmenter = scored
    write_validation(tmp_path / "out", result, role="internal", figure_cases=1)
    cases = pd.read_parquet(tmp_path / "out/cases.parquet")
    student = cases[cases["model"] == "student"]
    assert set(student["prompt"]) == set(ALL_KINDS) and len(student) == 4 * len(ALL_KINDS)
    _assert_scores_again(cases, records)
    assert golden_parity(cases, records, segmenter).worst_share == 0, "each row's prompt gives each row's mask"
    by_kind = student.set_index("prompt")
    assert all(prompt_from_json(text) == Prompt() for text in by_kind.loc["none", "prompt_json"])
    assert all(len(prompt_from_json(text).points) == 5 for text in by_kind.loc["box_clicks_5", "prompt_json"])
    assert set(by_kind.loc["whole_image", "case_id"]) == set(by_kind.loc["none", "case_id"])
    assert by_kind.loc["box_nothing", "case_id"].str.endswith("/1/nothing").all()
    assert by_kind.loc["box_nothing", ["miss"]].eq(0).all().all()
    _assert_told(result.metrics["datasets"]["busi"], (tmp_path / "out/report.md").read_text())


def _assert_scores_again(cases: pd.DataFrame, records) -> None:
    truths = {(record.dataset, record.image_id): load_instances(record) for record in records}
    columns = [*METRIC_COLUMNS.values(), "false_region"]
    tolerances = Tolerances(px=2.0, mm=0.3)
    again = pd.DataFrame(
        [
            rescore(row, truths[row["dataset"], row["image_id"]], tolerances=tolerances)
            for row in cases.to_dict("records")
        ]
    )
    pd.testing.assert_frame_equal(again[columns], cases[columns], check_exact=True)
    assert cases["hd95_mm"].notna().any() and cases["hd95_mm"].isna().any()


def _assert_told(busi, report: str) -> None:
    assert busi["cases"] == 3, "objects, whatever else was asked"
    assert set(busi["prompts"]) == set(ALL_KINDS) - {"box_nothing"}
    invented = busi["false_regions"]
    assert (invented["ellipse"]["count"], invented["ellipse"]["n"], invented["ellipse"]["mean"]) == (3, 3, 1)
    assert set(invented) == {"student", "ellipse", "filled_box", "grabcut"}
    curve = busi["jitter_curve"]["filled_box"]
    assert [point["jitter"] for point in curve] == [0, 0.05, 0.1, 0.2] and curve[0]["change"] is None
    assert curve[0]["dice"]["mean"] == busi["prompts"]["box"]["filled_box"]["dice"]["mean"]
    assert curve[3]["dice"]["mean"] == busi["prompts"]["box_jitter_20"]["filled_box"]["dice"]["mean"]
    assert np.isclose(curve[3]["change"]["mean"], curve[3]["dice"]["mean"] - curve[0]["dice"]["mean"])
    assert "## Sloppier boxes" in report and "| busi (phantom) | filled_box | 20 % |" in report
    assert "| busi (phantom) | ellipse | 3 of 3 |" in report


def test_what_wasnt_asked_isnt_told(make_dataset, predictor, models, prompts, params, tmp_path) -> None:
    result = validate(
        make_dataset("busi", 2),
        models=models,
        prompts=prompts,
        params=params,
        device="cpu",
        partial=tmp_path / "p",
        predictor=predictor,
    )
    assert not {"jitter_curve", "false_regions"} & set(result.metrics["datasets"]["busi"])
    write_validation(tmp_path / "out", result, role="internal", figure_cases=1)
    report = (tmp_path / "out/report.md").read_text()
    assert "Sloppier" not in report and "nothing\n" not in report.lower()
