"""Comparing: only a ratio or a memory that is far from what was kept is told, and only where both have it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from components.evaluation.benchmarking.comparing import compare
from components.evaluation.benchmarking.record import Record
from tests.components.evaluation.benchmarking.conftest import PAPER, REP


def test_a_record_is_like_itself(record: Record) -> None:
    found = compare(record, record)
    # Encoder, click and batch of two; encoder and click of SAM2.1; one memory.
    assert (found.figures, found.notices) == (9, ())


@pytest.mark.parametrize(("rep_ms", "told"), [(9.0, 0), (11.0, 1)])
def test_a_ratio_of_less_than_half_is_told(
    made: Callable[..., Record], record: Record, rep_ms: float, told: int
) -> None:
    # Kept: twenty times as fast. Milliseconds are others on another machine, and say nothing.
    now = made({PAPER: {"encoder": {0: 100.0}}, REP: {"encoder": {0: rep_ms}}})
    found = compare(now, record)
    assert found.figures == 2
    assert [notice.key for notice in found.notices] == ["rep_mini/pytorch/1024"] * told
    assert all("20 was kept" in str(notice) for notice in found.notices)


@pytest.mark.parametrize(("mib", "told"), [(190.0, 0), (200.0, 1)])
def test_memory_of_half_as_much_again_is_told(
    made: Callable[..., Record], record: Record, mib: float, told: int
) -> None:
    now = made({REP: {"encoder": {0: 5.0}}}, memory={REP: mib})
    assert len(compare(now, record).notices) == told
