"""Axes have round ticks, places are where they should be, and text can't break out of the picture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluation.reporting.page.drawing import SHAPES, Canvas, Style, named, numbered, swatch


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.62, 1.0, ["0.6", "0.7", "0.8", "0.9", "1.0"]),
        (0, 20, ["0", "5", "10", "15", "20"]),
        (-900, 900, ["-1 000", "-500", "0", "500", "1 000"]),
        (0.85, 0.95, ["0.850", "0.875", "0.900", "0.925", "0.950"]),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: list[str]) -> None:
    assert [text for _, text in numbered("", low, high, count=4 if high in (20, 0.95) else 5).ticks] == ticks


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_every_span_is_covered_by_few_distinct_ticks(low: float, extent: float) -> None:
    axis = numbered("", low, low + extent)
    assert axis.low <= low + 1e-6 * (abs(low) + extent) and axis.high >= low + extent - 1e-6 * (abs(low) + extent)
    assert 2 <= len(axis.ticks) <= 14


def test_one_value_alone_gets_an_axis() -> None:
    assert numbered("", 3.0, 3.0).low < 3 < numbered("", 3.0, 3.0).high


def test_marks_stand_where_their_values_are_and_words_stay_words() -> None:
    canvas = Canvas(numbered("<x>", 0, 1), named(["first", "second"]), width=300, height=100, left=50)
    assert canvas.place_x(0) == 50 and canvas.place_x(1) == 276 and canvas.place_y(0) < canvas.place_y(-1)
    for shape in SHAPES:
        canvas.mark(0.5, 0, Style("c-student", shape), words='"><script>')
    svg = str(canvas.finished("title", words='a "quoted" title').svg)
    assert "<script>" not in svg and "&lt;x&gt;" in svg and 'aria-label="a &#34;quoted&#34; title"' in svg
    assert len({str(swatch(Style("c", shape))) for shape in SHAPES}) == len(SHAPES), "shapes differ without colour"
