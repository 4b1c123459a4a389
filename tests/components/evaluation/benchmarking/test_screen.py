"""What a terminal shows of a record: medians in few columns, what they mean, and what not to rely on."""

from __future__ import annotations

from components.evaluation.benchmarking.record import LeftOut, Record
from components.evaluation.benchmarking.screen import beside, deciding, notes, short_way


def test_few_columns_hold_the_medians_and_no_brackets(record: Record) -> None:
    sized, wanted = deciding(record)
    assert ("rep_mini", "torch", "10.0", "20.0", "10.0", "–", "130", "3") in sized.rows
    assert ("sam2.1_large", "torch", "6,000", "0.0333", "40.0", "–", "–", "1") in sized.rows
    assert ("encoder, times as fast as sam2.1_large", "≥ 500", "30.0", "600") in wanted.rows
    assert wanted.rows[0] == ("run by", "", "torch", "torch")
    for table in (sized, wanted, *beside(record)):
        assert not any("[" in cell for row in table.rows for cell in row)
        assert {len(row) for row in table.rows} == {len(table.headings)}


def test_spreads_stand_beside_only_of_enough_turns(record: Record) -> None:
    (table,) = beside(record)
    assert [row[2] for row in table.rows] == ["120–360", "6.00–18.0", "–"]


def test_the_notes_explain_and_warn_of_few_turns(record: Record) -> None:
    left_out = (LeftOut(key="mobilesam/pytorch/1024", reason="a reason"),)
    told = list(notes(record.model_copy(update={"left_out": left_out})))
    assert any("times: as fast as hiera_mini run by PyTorch" in line for line in told)
    assert "torch: PyTorch." in told
    assert any(line.startswith("Few turns (1) in 1 of 3 rows, load ") for line in told)
    assert told[-1] == "Left out: mobilesam/pytorch/1024: a reason"
    without = record.model_copy(update={"rows": record.rows[:2]})
    assert not any("Few turns" in line for line in notes(without))
    assert list(notes(record.model_copy(update={"rows": ()}))) == ["Nothing was measured."]


def test_ways_are_short(record: Record) -> None:
    row = record.rows[0].model_copy(update={"runtime": "onnxruntime", "folded": True})
    assert short_way(row) == "ort folded"
    assert short_way(row.model_copy(update={"device": "cuda", "dtype": "bfloat16"})) == "ort folded GPU bf16"
