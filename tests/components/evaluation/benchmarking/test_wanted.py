"""What is wanted of a student, computed from samples of the same rounds."""

from __future__ import annotations

from components.evaluation.benchmarking.record import Record
from components.evaluation.benchmarking.rounds import Spread
from components.evaluation.benchmarking.wanted import students, wanted


def test_ratios_pair_rounds_and_what_is_missing_is_none(record: Record) -> None:
    assert students(record) == ("hiera_mini", "rep_mini")
    paper, sam2, both, lite, memory = (each.found for each in wanted(record, "rep_mini"))
    assert paper == Spread(20, 20, 20)
    assert sam2 == Spread(600, 600, 600)
    # Encoder and click take 15, 20 and 50 ms in the three rounds.
    assert both is not None
    assert both.median == 50
    assert lite is None
    assert memory == Spread(130, 130, 130)
