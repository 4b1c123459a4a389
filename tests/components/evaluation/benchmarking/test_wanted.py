"""What is wanted of a student, computed from samples of the same rounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from components.evaluation.benchmarking.record import Memory, Record
from components.evaluation.benchmarking.rounds import Spread
from components.evaluation.benchmarking.wanted import students, wanted
from tests.components.evaluation.benchmarking.conftest import REP, SAM2


def test_ratios_pair_rounds_and_what_is_missing_is_none(record: Record) -> None:
    assert students(record) == ("hiera_mini", "rep_mini")
    paper, sam2, both, lite, memory = (each.found for each in wanted(record, "rep_mini"))
    assert paper == Spread(20, 20, 20, samples=3)
    assert sam2 == Spread(600, 600, 600, samples=1)
    # Encoder and click take 15, 20 and 50 ms in the three rounds.
    assert both is not None
    assert both.median == 50
    assert lite is None
    assert memory == Spread(130, 130, 130, samples=1)


@pytest.mark.parametrize(("loading_mib", "running_mib"), [(310.0, 130.0), (130.0, 310.0)])
def test_peak_memory_is_that_of_loading_where_it_is_more(
    record: Record, loading_mib: float, running_mib: float
) -> None:
    memory = Memory(loading_mib=loading_mib, running_mib=running_mib)
    rows = tuple(row if row.memory is None else row.model_copy(update={"memory": memory}) for row in record.rows)
    figures = {each.what: each.found for each in wanted(record.model_copy(update={"rows": rows}), "rep_mini")}
    assert figures["peak memory in MiB above the imports"] == Spread(310, 310, 310, samples=1)


def test_on_a_gpu_the_same_precision_is_compared(made: Callable[..., Record]) -> None:
    ours, theirs = replace(REP, device="cuda"), replace(SAM2, device="cuda")
    half = {"dtype": "bfloat16"}
    record = made(
        {
            ours: {"encoder": {0: 3.0}, "click": {0: 1.0}, "batch": {0: 4.0}},
            replace(ours, **half): {"encoder": {0: 2.0}, "click": {0: 1.0}, "batch": {0: 1.0}},
            theirs: {"encoder": {0: 100.0}},
            replace(theirs, **half): {"encoder": {0: 50.0}},
        }
    )
    figures = {each.what: each.found for each in wanted(record, "rep_mini")}
    assert figures["on the GPU, encoder, times as fast as sam2.1_large"] == Spread(25, 25, 25, samples=1)
    # Two images in a millisecond.
    assert figures["on the GPU, encoder, images a second in batches"] == Spread(2000, 2000, 2000, samples=1)
    assert figures["encoder and click, images a second"] is None
