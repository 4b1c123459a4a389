"""The comparison of variants: means, paired differences and corrected p values, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from components.artefacts import ModelDescription
from components.params import Params
from components.training.ablation.table import compare_variants, table_text
from components.training.ablation.trainings import Data, Trained
from components.training.ablation.variants import Variant, chosen_variants
from components.types import Record

NAMES = ("teacher_as_drawn", "teacher_adapter_off", "teacher_edge_only")
# By group of dataset `discs` and of `rings`: a group's Dice; all its cases are equal.
DICE = {
    "teacher_as_drawn": ([0.80, 0.90, 0.70, 0.60], [0.50, 0.70]),
    "teacher_adapter_off": ([0.70, 0.85, 0.68, 0.50], [0.40, 0.66]),
    "teacher_edge_only": ([0.80, 0.90, 0.70, 0.60], [0.50, 0.70]),
    "ellipse": ([0.60, 0.60, 0.60, 0.60], [0.40, 0.40]),
}


def rows() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "dataset": dataset,
                "group": f"g{index}",
                "case_id": f"{dataset}/{index}/{copy}",
                "prompt": "box_jitter",
                "model": model,
                "dice": value,
            }
            for model, by_dataset in DICE.items()
            for dataset, values in zip(("discs", "rings"), by_dataset, strict=True)
            for index, value in enumerate(values)
            for copy in range(1 + index % 2)
        ]
    )


def trained(variant: Variant) -> Trained:
    description = ModelDescription(
        kind=variant.kind,
        name="micro",
        config={},
        image_size_px=64,
        preprocess_version=1,
        phantom=False,
        base="scratch",
        trained_on=("discs",),
        provenance={},
        weights_sha256="a" * 64,
    )
    return Trained(variant, Path("nowhere"), description, 2_500_000, 500_000, 0.8, 1, 1, 2.0)


def record(dataset: str, index: int, *, phantom: bool) -> Record:
    path = Path("nowhere")
    return Record(dataset, f"{index}", f"g{index}", "internal", path, path, 9, 9, f"{index}", phantom)


@pytest.fixture(scope="module")
def found(tiny: Params) -> dict[str, Any]:
    variants = [trained(one) for one in chosen_variants(tiny, NAMES)]
    test = [record("discs", index, phantom=True) for index in range(4)]
    test += [record("rings", index, phantom=False) for index in range(2)]
    return compare_variants(variants, rows(), test, Data([], [], "digest"), tiny)


def test_groups_and_then_datasets_weigh_the_same(found: dict[str, Any]) -> None:
    drawn, off, _ = (one["prompts"]["box_jitter"] for one in found["variants"])
    assert drawn["datasets"]["discs"]["mean"] == pytest.approx(0.75)
    assert drawn["pooled"]["mean"] == pytest.approx((0.75 + 0.60) / 2)
    assert drawn["difference"] is None
    assert off["difference"]["mean"] == pytest.approx(-((0.27 / 4) + (0.14 / 2)) / 2)
    low, high = off["difference"]["ci95"]
    assert -0.1 <= low < off["difference"]["mean"] < high < 0
    assert found["baselines"]["ellipse"]["box_jitter"]["pooled"]["mean"] == pytest.approx(0.5)


def test_p_is_of_groups_and_corrected_over_all_variants(found: dict[str, Any]) -> None:
    drawn, off, edge = found["variants"]
    assert drawn["p"] is None and drawn["p_holm"] is None
    assert off["p"] == stats.wilcoxon([-0.10, -0.05, -0.02, -0.10, -0.10, -0.04]).pvalue
    assert off["p_holm"] == 2 * off["p"]
    assert edge["p"] == edge["p_holm"] == 1


def test_the_table_says_what_it_is(found: dict[str, Any]) -> None:
    text = table_text(found)
    assert text.startswith("# Ablation (PHANTOM)")
    assert "Dice discs (phantom) | Dice rings |" in text
    line = next(line for line in text.splitlines() if line.startswith("| `teacher_adapter_off`"))
    assert "2.500 | 0.500" in line and "-0.069 [" in line
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1
    assert "Students" not in text and "learn 1 epoch at most" in text
    assert "corrected for 2 comparisons" in text
