"""A card's lines say what keeps a mean from having an interval, and nothing of what wasn't measured."""

from __future__ import annotations

from components.release.documents.card_lines import confidence_lines, package_lines, results_table, span
from tests.components.release.documents.conftest import estimate


def test_a_mean_comes_with_its_interval_or_with_why_it_has_none() -> None:
    assert span(estimate(0.8), 3) == "0.800 [0.750, 0.850]"
    assert span(estimate(0.8, groups=7), 2) == "0.80 [INSUFFICIENT: 7 groups]"
    assert span({**estimate(0.8), "ci95": [None, None]}, 3) == "0.800"
    assert span(None, 3) == span({**estimate(0.8), "mean": None}, 3) == "–"


def test_what_wasnt_measured_or_tested_is_no_line() -> None:
    assert package_lines({"package": None}) == []
    assert package_lines({"package": {"start_s": 4.0}}) == ["- start: 4.0 s"]
    assert results_table("external", {}) == "No external dataset."


def test_an_estimate_that_isnt_calibrated_is_called_so() -> None:
    held = {"calibrated": False, "ece": estimate(0.3), "ece_raw": estimate(0.3), "abstained": None, "dice_kept": None}
    card = {"results": {"internal": {"busi": {"box": {"confidence": held}}}}, "warnings": "none", "guard": None}
    lines = confidence_lines(card)
    assert "| busi | box | not calibrated | 0.300 [0.250, 0.350] | – | – |" in lines and lines[-1] == "- none"
