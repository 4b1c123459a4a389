"""The split's report: strata against their targets, what is on record, joins with pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image as PilImage

from components.intake.form.records import SPLITS
from components.intake.measuring.burnt_in import COVER_GREY
from components.intake.sides.joins_sheet import GAP_PX, PANEL_PX, TITLE_PX, draw_joins, name_shown
from components.intake.sides.record import NOTHING_ON_RECORD, Row, SidesRecord
from components.intake.sides.relatives import Join, find_relatives
from components.intake.sides.split_report import (
    LISTED_JOINS,
    SHOWN_PAIRS,
    report_text,
    shown_joins,
    split_report,
    write_split_report,
)
from components.intake.split import split
from components.params import SplitParams
from components.types import ObjectTruth, Record
from tests.components.intake.sides.test_relatives import cut, record, scene
from tests.components.intake.test_split import records_of

PARAMS = SplitParams(seed=7, val_share=0.1, test_share=0.25, mix_phantoms=False)


def report_of(records: list[Record], recorded: SidesRecord = NOTHING_ON_RECORD) -> dict[str, Any]:
    datasets = {"a": records}
    relatives = find_relatives(datasets)
    frame = split(datasets, PARAMS, recorded=recorded, relatives=relatives)
    return split_report(frame, datasets, params=PARAMS, relatives=relatives, recorded=recorded)


def test_strata_are_counted_by_side_and_held_against_their_targets() -> None:
    records = [
        replace(
            one,
            subject_class="benign" if k % 3 else "malignant",
            objects=(ObjectTruth(1, "lesion", (0, 0, 1, 1), k % 50),) if k % 50 else (),
        )
        for k, one in enumerate(records_of("a", [1] * 300))
    ]
    report = report_of(records)
    rows = {(row["class"], row["size"]): row for row in report["datasets"]["a"]["strata"]}
    assert sum(rows["malignant", "all"]["images"].values()) == 100
    assert sum(sum(rows[kind, "no object"]["images"].values()) for kind in ("benign", "malignant")) == 6
    assert [size for kind, size in rows if kind == "benign"] == ["all", "small", "medium", "large", "no object"]
    for row in rows.values():
        total = sum(row["images"].values())
        for side, target in (("train", 0.65), ("val", 0.1), ("test", 0.25)):
            assert row["above_target"][side] == pytest.approx(row["images"][side] - target * total, abs=0.01)
    text = report_text(report)
    malignant = rows["malignant", "all"]
    cells = [
        f"{malignant['images'][side]} ({malignant['above_target'][side]:+.1f})" for side in ("train", "val", "test")
    ]
    assert f"| a | malignant | all | 100 | {' | '.join(cells)} |" in text and "| a | benign | no object |" in text
    assert "Nothing: beyond the groups" in text and "PHANTOM" not in text


def test_an_official_test_set_has_no_target() -> None:
    records = [
        replace(one, official_split="test" if k < 30 else None) for k, one in enumerate(records_of("a", [1] * 130))
    ]
    report = report_of(records)
    found = report["datasets"]["a"]
    assert found["targets"] == {"train": 0.9, "val": 0.1} and found["test"]["images"] == 30
    assert found["strata"][0]["above_target"] == {"train": 0.0, "val": 0.0}
    assert "| a | none given | all | 130 | 90 (+0.0) | 10 (+0.0) | 30 |" in report_text(report)
    sides = "90 (90.0 % of the rest, target 90 %) | 10 (10.0 % of the rest, target 10 %) | 30 (the authors' set) |"
    assert f"| a | 130 | 130 | 1 | {sides}" in report_text(report)


def test_the_report_says_what_is_on_record_and_warns_of_what_isnt() -> None:
    records = records_of("a", [1] * 40)
    new = report_of(records)
    assert new["record"] == {"on_record": 0, "new": 40, "phantoms": 0}
    (warning,) = new["warnings"]
    assert "40 real images" in warning and "sonoforge data keep-sides" in warning
    assert f"**Warning.** {warning}." in report_text(new) and "On record: 0 images. New: 40." in report_text(new)
    frame = split({"a": records}, PARAMS)
    recorded = SidesRecord(
        tuple(Row("a", i, f"a/{i}", s) for i, s in zip(frame["image_id"], frame["split"], strict=True))
    )
    kept = report_of(records, recorded)
    assert kept["record"] == {"on_record": 40, "new": 0, "phantoms": 0} and kept["warnings"] == []
    assert "Warning" not in report_text(kept)
    phantoms = report_of([replace(one, phantom=True) for one in records])
    assert phantoms["record"] == {"on_record": 0, "new": 0, "phantoms": 40} and phantoms["warnings"] == []
    assert "No real images: 40 phantoms" in report_text(phantoms)


def test_joins_are_shown_with_reason_correlation_and_side(tmp_path: Path) -> None:
    records = [record(tmp_path, f"{seed}", scene(seed)) for seed in range(12)]
    records += [record(tmp_path, "copy", cut(scene(2))), record(tmp_path, "twin", scene(5))]
    relatives = find_relatives({"busi": records})
    frame = split({"busi": records}, PARAMS, relatives=relatives)
    for name in ("one", "two"):
        report = write_split_report(
            tmp_path / name,
            frame,
            {"busi": records},
            params=PARAMS,
            relatives=relatives,
            recorded=NOTHING_ON_RECORD,
        )
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [
        "joins.csv",
        "joins.png",
        "report.json",
        "report.md",
    ]
    for file in ("joins.csv", "joins.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert json.loads((tmp_path / "one/report.json").read_text(encoding="utf-8")) == report
    sides = {row.image_id: row.split for row in frame.itertuples()}
    text = (tmp_path / "one/report.md").read_text(encoding="utf-8")
    assert f"| busi/5 | busi/twin | same pixels | 1.00 | {sides['5']} |" in text
    assert "1 by near copy, 1 by same pixels" in text and "**PHANTOM.**" in text
    with PilImage.open(tmp_path / "one/joins.png") as picture:
        assert picture.width > 800 and np.asarray(picture).std() > 20


def test_the_table_lists_all_joins_and_the_text_points_to_it(tmp_path: Path) -> None:
    records = [record(tmp_path, f"{k:03}", np.full((40, 40), k // 2, np.uint8)) for k in range(2 * LISTED_JOINS + 20)]
    relatives = find_relatives({"busi": records})
    assert len(relatives.joins) == LISTED_JOINS + 10
    write_split_report(
        tmp_path / "split",
        split({"busi": records}, PARAMS, relatives=relatives),
        {"busi": records},
        params=PARAMS,
        relatives=relatives,
        recorded=NOTHING_ON_RECORD,
    )
    table = pd.read_csv(tmp_path / "split/joins.csv")
    listed = json.loads((tmp_path / "split/report.json").read_text(encoding="utf-8"))["joins"]
    assert sorted(table["first"]) == sorted(join["first"] for join in listed) and len(table) == LISTED_JOINS + 10
    assert list(table["correlation"]) == sorted(table["correlation"]) and set(table["split"]) <= set(SPLITS)
    assert "and 10 more; [joins.csv](joins.csv) lists all." in (tmp_path / "split/report.md").read_text("utf-8")


def test_the_picture_is_bounded_and_shows_the_least_alike_first() -> None:
    joins = tuple(
        Join(("a", f"{k}"), ("a", f"{k}x"), "same pixels" if k % 2 else "near copy", 1.0 if k % 2 else k / 100)
        for k in range(100)
    )
    shown = shown_joins(joins)
    assert len(shown) == SHOWN_PAIRS and [join.first[1] for join in shown[:3]] == ["0", "2", "4"]


def test_burnt_in_text_is_covered_in_the_picture(tmp_path: Path) -> None:
    dark = (scene(1) // 4).astype(np.uint8)
    named = cv2.putText(dark.copy(), "JANE DOE", (40, 100), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 250, 1, cv2.LINE_AA)
    records = {(one.dataset, one.image_id): one for one in [record(tmp_path, "a", dark), record(tmp_path, "b", named)]}
    join = Join(("busi", "a"), ("busi", "b"), "near copy", 0.9)
    draw_joins(tmp_path / "joins.png", [join], records, dict.fromkeys(records, "train"), title="")
    with PilImage.open(tmp_path / "joins.png") as picture:
        second = np.asarray(picture.convert("L"))[TITLE_PX:, GAP_PX + PANEL_PX + 2 :][:PANEL_PX, :PANEL_PX]
    assert named.max() > 240 and second.max() < 150 and (second == COVER_GREY).sum() > 500


def test_a_name_that_may_tell_of_a_person_is_withheld_in_the_picture(tmp_path: Path) -> None:
    told = replace(record(tmp_path, "Mueller_Anna_1", scene(1)), flags=("specks", "identity_in_name"))
    plain = record(tmp_path, "benign_1", scene(1))
    records = {(one.dataset, one.image_id): one for one in (plain, told)}
    assert [name_shown(key, records) for key in sorted(records)] == ["busi 1, name withheld", "busi/benign_1"]
    join = Join(("busi", "Mueller_Anna_1"), ("busi", "benign_1"), "near copy", 0.9)
    pictures = []
    for flags in (told.flags, ()):
        records["busi", "Mueller_Anna_1"] = replace(told, flags=flags)
        draw_joins(tmp_path / "joins.png", [join], records, dict.fromkeys(records, "train"), title="")
        pictures.append((tmp_path / "joins.png").read_bytes())
    assert pictures[0] != pictures[1]


def test_no_joins_no_picture(tmp_path: Path) -> None:
    records = records_of("a", [1] * 30)
    relatives = find_relatives({"a": records})
    frame = split({"a": records}, PARAMS, relatives=relatives)
    write_split_report(
        tmp_path / "split", frame, {"a": records}, params=PARAMS, relatives=relatives, recorded=NOTHING_ON_RECORD
    )
    assert sorted(path.name for path in (tmp_path / "split").iterdir()) == ["report.json", "report.md"]
