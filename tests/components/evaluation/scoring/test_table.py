"""A table of scored rows: what is written is read, some columns and rows at a time, from the disk as from memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from components.evaluation.scoring import table
from components.evaluation.scoring.table import CASE_COLUMNS, Cases, StoredCases, as_cases, to_frame


def rows(images: int = 9) -> list[dict[str, Any]]:
    """Two models' rows of two datasets, of which the second has the last three images; numbers and texts are missing
    in places."""
    whole: dict[str, Any] = {name: 0 if kind == "int64" else "" for name, kind in CASE_COLUMNS.items()}
    whole |= {name: None for name, kind in CASE_COLUMNS.items() if kind == "float64"} | {"phantom": True}
    return [
        whole
        | {
            "dataset": "busi" if image < images - 3 else "ddti",
            "image_id": f"i{image}",
            "case_id": f"c{image}",
            "group": f"g{image // 2}",
            "prompt": kind,
            "model": who,
            "dice": image / 10 if image % 4 else None,
            "site": "here" if image % 2 else None,
        }
        for image in range(images)
        for who in ("student", "ellipse")
        for kind in (("box", "click") if who == "student" else ("box",))
    ]


@pytest.fixture(params=["stored", "held"])
def cases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cases:
    """The rows, in row groups of four on the disk, or in memory."""
    monkeypatch.setattr(table, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(table, "TABLES_A_GROUP", 2)
    return StoredCases(iter(rows())) if request.param == "stored" else as_cases(to_frame(rows()))


def test_all_is_read_as_it_was_written(cases: Cases) -> None:
    pd.testing.assert_frame_equal(cases.read(cases.columns), to_frame(rows()), check_exact=True)


def test_some_columns_of_some_rows_are_read(cases: Cases) -> None:
    frame = to_frame(rows())
    wanted = frame[(frame["dataset"] == "ddti") & (frame["model"] == "student") & (frame["prompt"] == "box")]
    found = cases.where(dataset="ddti").where(model="student", prompt="box").read(["dice", "group"])
    pd.testing.assert_frame_equal(found, wanted[["dice", "group"]].reset_index(drop=True))
    assert cases.where(model=["student", "ellipse"]).where(model="ellipse").different("model") == ["ellipse"]
    assert cases.where(case_id=["c2", "c7"]).read(["image_id"])["image_id"].unique().tolist() == ["i2", "i7"]


def test_the_first_of_equal_rows_is_read_once(cases: Cases) -> None:
    found = cases.read(["image_id", "prompt", "dataset"], once=["image_id", "dataset"])
    assert found["image_id"].tolist() == [f"i{image}" for image in range(9)] and set(found["prompt"]) == {"box"}
    assert cases.different("dataset") == ["busi", "ddti"] and cases.different("prompt") == ["box", "click"]


def test_nothing_is_a_table_too(cases: Cases) -> None:
    nobody = cases.where(model="teacher").read(["dice", "group", "area_px"])
    assert len(nobody) == 0 and nobody.dtypes.equals(to_frame([])[["dice", "group", "area_px"]].dtypes)
    pd.testing.assert_frame_equal(StoredCases([]).read(list(CASE_COLUMNS)), to_frame([]))


def test_the_saved_file_is_that_table_and_follows_from_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(table, "TABLES_A_GROUP", 2)
    for name in ("a", "b"):
        stored = StoredCases(iter(rows()))
        stored.save(tmp_path / name)
        assert stored.different("model") == ["student", "ellipse"], "it can be read on"
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a"), to_frame(rows()), check_exact=True)
    groups = pq.ParquetFile(tmp_path / "a").metadata
    assert [groups.row_group(at).num_rows for at in range(groups.num_row_groups)] == [4] * 6 + [3]
