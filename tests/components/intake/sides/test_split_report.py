"""The split's report: counts by stratum, joins with pictures, and how even the sides are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from components.intake.sides.assignment import assign_sides
from components.intake.sides.relatives import Join, find_relatives
from components.intake.sides.split_report import (
    NO_OBJECT,
    SHOWN_PAIRS,
    report_text,
    seed_balance,
    shown_joins,
    size_quartiles,
    split_report,
    write_split_report,
)
from components.intake.split import split
from components.params import SplitParams
from components.types import ObjectTruth, Record
from tests.components.intake.sides.test_relatives import cut, record, scene
from tests.components.intake.test_split import records_of

PARAMS = SplitParams(seed=7, val_share=0.1, test_share=0.25, mix_phantoms=False)


def sized(one: Record, area_px: int) -> Record:
    return replace(one, objects=(ObjectTruth(1, "lesion", (0, 0, 1, 1), area_px),) if area_px else ())


def test_quartiles_are_of_the_objects_share_within_a_dataset() -> None:
    records = [sized(one, 10 * k) for k, one in enumerate(records_of("a", [1] * 9))]
    found = size_quartiles(records)
    assert [found["a", one.image_id] for one in records] == [NO_OBJECT, *(f"Q{q}" for q in (1, 1, 2, 2, 3, 3, 4, 4))]
    assert set(size_quartiles([sized(records[0], 0)]).values()) == {NO_OBJECT}


def test_strata_are_counted_by_side_and_add_up() -> None:
    records = [
        replace(sized(one, k % 50), subject_class="benign" if k % 3 else "malignant")
        for k, one in enumerate(records_of("a", [1] * 300))
    ]
    relatives = find_relatives({"a": records})
    frame = split({"a": records}, PARAMS, relatives=relatives)
    report = split_report(frame, {"a": records}, PARAMS, relatives)
    for key, expected in (("classes", {"benign": 200, "malignant": 100}), ("size_quartiles", {NO_OBJECT: 6})):
        totals = {
            name: sum(report["datasets"]["a"][side][key].get(name, 0) for side in ("train", "val", "test"))
            for name in expected
        }
        assert totals == expected
    text = report_text(report)
    assert "| a | malignant | 100 |" in text and "| a | no object | 6 |" in text
    assert "Nothing: beyond the groups" in text and "PHANTOM" not in text


def test_a_seed_is_measured_against_others() -> None:
    records = records_of("a", [1] * 200)
    relatives = find_relatives({"a": records})
    quartiles = size_quartiles(records)
    found = seed_balance({"a": records}, PARAMS, relatives, quartiles)
    sides = assign_sides({"a": records}, PARAMS, relatives)
    counts = {side: list(sides.values()).count(side) for side in ("train", "val", "test")}
    moved = sum(abs(counts[side] - target * 200) for side, target in (("train", 0.65), ("val", 0.1), ("test", 0.25)))
    assert found["deviation"] == pytest.approx(moved / 2 / 200, abs=1e-4)
    assert found["deviation_of_best"] <= found["deviation"] and found["seeds_tried"] == 200
    best = seed_balance({"a": records}, PARAMS.model_copy(update={"seed": found["best_seed"]}), relatives, quartiles)
    assert best["deviation"] == found["deviation_of_best"] and best["better_seeds"] == 0


def test_few_groups_leave_some_seeds_without_a_side() -> None:
    records = records_of("a", [1, 1, 1])
    relatives = find_relatives({"a": records})
    found = seed_balance({"a": records}, PARAMS, relatives, size_quartiles(records))
    assert 1 <= found["seeds_tried"] <= 200


def test_joins_are_shown_with_reason_correlation_and_side(tmp_path: Path) -> None:
    records = [record(tmp_path, f"{seed}", scene(seed)) for seed in range(12)]
    records += [record(tmp_path, "copy", cut(scene(2))), record(tmp_path, "twin", scene(5))]
    relatives = find_relatives({"busi": records})
    frame = split({"busi": records}, PARAMS, relatives=relatives)
    for name in ("one", "two"):
        report = write_split_report(tmp_path / name, frame, {"busi": records}, PARAMS, relatives)
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["joins.png", "report.json", "report.md"]
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in ("joins.png",))
    assert json.loads((tmp_path / "one/report.json").read_text(encoding="utf-8")) == report
    sides = {row.image_id: row.split for row in frame.itertuples()}
    text = (tmp_path / "one/report.md").read_text(encoding="utf-8")
    assert f"| busi/5 | busi/twin | same pixels | 1.00 | {sides['5']} |" in text
    assert "1 by near copy, 1 by same pixels" in text and "**PHANTOM.**" in text
    with PilImage.open(tmp_path / "one/joins.png") as picture:
        assert picture.width > 800 and np.asarray(picture).std() > 20


def test_the_picture_is_bounded_and_shows_the_least_alike_first() -> None:
    joins = tuple(
        Join(("a", f"{k}"), ("a", f"{k}x"), "same pixels" if k % 2 else "near copy", 1.0 if k % 2 else k / 100)
        for k in range(100)
    )
    shown = shown_joins(joins)
    assert len(shown) == SHOWN_PAIRS and [join.first[1] for join in shown[:3]] == ["0", "2", "4"]


def test_no_joins_no_picture(tmp_path: Path) -> None:
    records = records_of("a", [1] * 30)
    relatives = find_relatives({"a": records})
    frame = split({"a": records}, PARAMS, relatives=relatives)
    write_split_report(tmp_path / "split", frame, {"a": records}, PARAMS, relatives)
    assert sorted(path.name for path in (tmp_path / "split").iterdir()) == ["report.json", "report.md"]
