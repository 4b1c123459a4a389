"""Tables: a record to Markdown, with the machine above and the figures that stand in the record."""

from __future__ import annotations

from components.evaluation.benchmarking.record import Record
from components.evaluation.benchmarking.tables import figure, markdown, tables


def test_the_markdown_holds_the_figures(record: Record) -> None:
    text = markdown(record)
    assert text.startswith(str(record.machine["cpu"]))
    assert "INTERRUPTED" in text
    assert "| rep_mini | PyTorch | 10.0 [6.00, 18.0] | 20.0 [20.0, 20.0] | 10.0 | – | – | 100 | 130 | – | – |" in text
    assert "| encoder, times as fast as sam2.1_large | ≥ 500 | 30.0 | 600 |" in text
    assert "which GPU" not in text
    # One sample has no spread.
    assert "| sam2.1_large | PyTorch | 6,000 | 0.0333 | 40.0 |" in text
    assert f"Python {record.machine['python']}, torch {record.machine['torch']}, " in text
    assert "None of what is wanted" not in markdown(record, brief=True)


def test_every_row_is_as_long_as_its_headings(record: Record) -> None:
    for table in tables(record):
        assert {len(row) for row in table.rows} == {len(table.headings)}


def test_figures_keep_three_digits() -> None:
    assert [figure(each) for each in (13700.4, 100.2, 99.96, 23.44, 9.996, 1.234, 0.0345, 0.0)] == [
        "13,700",
        "100",
        "100",
        "23.4",
        "10.0",
        "1.23",
        "0.0345",
        "0",
    ]
