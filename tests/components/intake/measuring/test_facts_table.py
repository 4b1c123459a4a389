"""The table of facts on the disk: what pandas makes of the rows, whatever part is read, and nothing left behind."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from components.intake.measuring.facts_table import COLUMNS, Facts
from components.tables import ROWS_AT_ONCE

FILES = Path("/proc/self/fd")
EXAMPLES = {
    "string": ("", "a, b", "é\n\t"),
    "Int64": (0, 7, -1),
    "Float64": (0.1, 1.0, 0.0),
    "boolean": (True, False, True),
}


def rows(count: int) -> list[dict[str, Any]]:
    """Values of every kind; every fourth fact is missing."""
    return [
        {
            name: None if (number + place) % 4 == 3 else EXAMPLES[kind][(number + place) % 4]
            for place, (name, kind) in enumerate(COLUMNS.items())
        }
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [0, 3, ROWS_AT_ONCE + 2])
def test_it_is_what_pandas_makes_of_the_rows(tmp_path: Path, count: int) -> None:
    expected = pd.DataFrame(rows(count), columns=list(COLUMNS)).astype(COLUMNS)
    facts = Facts(iter(rows(count)))
    assert len(facts) == count
    pd.testing.assert_frame_equal(facts.frame(), expected)
    asked = ["objects", "image_id", "covered"]
    pd.testing.assert_frame_equal(facts.frame(asked), expected[asked])
    assert [row for frame in facts.batches(asked) for row in frame.index] == list(range(count))
    assert all(len(frame) <= ROWS_AT_ONCE for frame in facts.batches())
    facts.write(tmp_path / "facts.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "facts.parquet"), expected)


def test_its_file_follows_from_the_rows(tmp_path: Path) -> None:
    facts = Facts(rows(5))
    facts.write(tmp_path / "one")
    Facts(facts.frame().to_dict("records")).write(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    facts.frame().to_parquet(tmp_path / "pandas", index=False)
    ours, theirs = (pq.read_schema(tmp_path / name) for name in ("one", "pandas"))
    assert ours.equals(theirs, check_metadata=True)


def test_texts_told_later_stand_in_their_rows_only(tmp_path: Path) -> None:
    facts = Facts(rows(ROWS_AT_ONCE + 2))
    told = facts.with_texts({"group": {1: "x", ROWS_AT_ONCE: "y"}})
    expected = pd.Series("", index=range(len(facts)), dtype="string", name="group")
    expected[[1, ROWS_AT_ONCE]] = ["x", "y"]
    pd.testing.assert_frame_equal(told.frame(), facts.frame().assign(group=expected))
    assert list(told.texts("group")) == list(told.frame(["group"])["group"]) == expected.tolist()
    told.write(tmp_path / "facts.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "facts.parquet"), told.frame())
    assert facts.frame(["group"])["group"].isna().any()


def test_texts_and_which_are_equal() -> None:
    facts = Facts([{"group": "a", "site": "b"}, {"group": "a"}, {"site": "b"}, {"group": "a", "site": ""}, {}])
    assert list(facts.texts("group")) == ["a", "a", None, "a", None]
    numbers = facts.equals("group", "site").numbers()
    assert len({*numbers}) == 4 and numbers[1] == numbers[3]


def test_columns_that_it_does_without() -> None:
    facts = Facts([{"image_id": "a", "perceptual_hash": "b" * 1000}], without=["perceptual_hash"])
    assert list(facts.frame().columns) == [name for name in COLUMNS if name != "perceptual_hash"]


def test_nothing_is_left_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    open_files = len(list(FILES.iterdir()))
    facts = Facts(rows(3))
    told = facts.with_texts({"group": {}})
    del facts
    gc.collect()
    assert len(told.frame()) == 3 and list(tmp_path.iterdir()) == []
    del told
    gc.collect()

    def interrupted() -> Any:
        yield from rows(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Facts(interrupted())
    assert (len(list(FILES.iterdir())), list(tmp_path.iterdir())) == (open_files, [])
