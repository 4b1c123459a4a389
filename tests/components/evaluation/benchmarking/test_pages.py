"""Pages show what their records hold, and nobody typed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.evaluation.benchmarking.pages import named, refreshed
from components.evaluation.benchmarking.record import BenchError, Record, write_record
from components.evaluation.benchmarking.tables import markdown
from tests.conftest import ROOT

PAGE = """# Speed

<!-- sonoforge bench table benchmarks/bench_here.json -->
old
<!-- end of the table -->

Between.

<!-- sonoforge bench table benchmarks/bench_here.json --brief -->
<!-- end of the table -->
"""


def test_tables_are_renewed_and_all_else_stays(record: Record, tmp_path: Path) -> None:
    write_record(tmp_path / "benchmarks" / "bench_here.json", record)
    found = refreshed(PAGE, tmp_path)
    assert "old" not in found
    assert found.startswith("# Speed\n")
    assert "\n\nBetween.\n\n" in found
    assert markdown(record) in found
    assert markdown(record, brief=True) in found
    assert refreshed(found, tmp_path) == found


def test_a_page_says_what_was_not_measured(tmp_path: Path) -> None:
    found = refreshed(PAGE.replace("old\n", ""), tmp_path)
    assert refreshed(found, tmp_path) == found
    assert named(PAGE) == ("benchmarks/bench_here.json",) * 2
    assert found.count("Not measured yet: `sonoforge bench --out benchmarks/bench_here.json`.") == 2


def test_a_table_whose_record_is_missing_stays(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"benchmarks/bench_here\.json isn't in"):
        refreshed(PAGE, tmp_path)


@pytest.mark.parametrize(
    "broken", [PAGE.replace("old\n<!-- end of the table -->\n", "old\n"), PAGE.replace(" -->\nold", "-->\nold")]
)
def test_a_page_whose_marks_are_broken_loses_nothing(broken: str, record: Record, tmp_path: Path) -> None:
    write_record(tmp_path / "benchmarks" / "bench_here.json", record)
    with pytest.raises(BenchError, match="1 of 2 marks"):
        refreshed(broken, tmp_path)


@pytest.mark.parametrize("page", ["README.md", "docs/speed.md"])
def test_our_own_pages_are_renewed(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert "<!-- sonoforge bench table benchmarks/" in text
    assert refreshed(text, ROOT) == text
