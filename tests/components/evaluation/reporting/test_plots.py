"""The rows that `dvc plots` draws are the means of `metrics.json`, and their templates are there."""

from __future__ import annotations

import json

import pytest
import yaml

from components.evaluation.reporting.plots import plot_tables

METRICS = {
    "confidence": 0.9,
    "datasets": {
        "busi": {
            "prompts": {"box": {"student": {"dice": {"mean": 0.875, "ci90": [0.75, None]}}}},
            "jitter_curve": {"student": [{"jitter": 0.05, "dice": {"mean": None, "ci90": [None, None]}}]},
        },
        "fugc": {"prompts": {"click": {"teacher": {"dice": {"mean": 0.5, "ci90": [0.25, 0.75]}}}}},
    },
}


def test_rows_are_the_means() -> None:
    tables = plot_tables(METRICS)
    assert tables["dice.json"] == [
        {"dataset": "busi", "prompt": "exact box", "model": "student", "dice": 0.875, "low": 0.75, "high": None},
        {"dataset": "fugc", "prompt": "click", "model": "teacher", "dice": 0.5, "low": 0.25, "high": 0.75},
    ]
    assert tables["jitter_curve.json"] == [
        {"dataset": "busi", "model": "student", "jitter": 0.05, "dice": None, "low": None, "high": None}
    ]


@pytest.mark.parametrize("role", ["internal", "external"])
def test_dvc_draws_them_with_templates_of_fields_that_are_there(root, role: str) -> None:
    declared = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"][f"validate_{role}"]["plots"]
    options = {path: how for one in declared if isinstance(one, dict) for path, how in one.items()}
    tables = {f"reports/{role}/plots/{name}": rows for name, rows in plot_tables(METRICS).items()}
    assert set(options) == set(tables)
    for path, how in options.items():
        template = json.loads((root / f".dvc/plots/{how['template']}.json").read_text(encoding="utf-8"))
        names = {how["x"], how["y"], "rev", *tables[path][0]}
        drawn = [one for layer in template["spec"]["layer"] for one in layer["encoding"].values()]
        for encoded in [*drawn, *template["facet"].values()]:
            assert encoded["field"] in names | {"<DVC_METRIC_X>", "<DVC_METRIC_Y>"}
