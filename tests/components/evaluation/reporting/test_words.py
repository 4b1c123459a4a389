"""Standing sentences: what they say follows from the numbers."""

from __future__ import annotations

from components.evaluation.reporting.words import kept_warnings, origin_words


def test_scanner_and_site_are_named_where_they_are_stated() -> None:
    bra = {"origins": {"scanner": {"one": 3, "two": 4}, "site": {"here": 7}}}
    assert origin_words({"busi": {"origins": {}}, "fugc": {}}) == "No dataset here states a scanner or a site."
    assert origin_words({"bra": bra, "busi": {"origins": {}}}) == (
        "Scanner of the test images: bra (one, two); the others state none. "
        "Site of the test images: bra (here); the others state none."
    )
    alone = {"origins": {"scanner": {"one": 3}}}
    assert origin_words({"udiat": alone}) == "Scanner of the test images: udiat (one). No dataset here states a site."


def test_a_warning_that_leaves_the_worse_cases_is_told() -> None:
    def said(kept: float | None) -> list[str]:
        dataset = {
            "phantom": True,
            "prompts": {"click": {"student": {"dice": {"mean": 0.602}}}},
            "confidence": {"click": {"student": {"dice_kept": {"mean": kept}}}},
        }
        return kept_warnings({"datasets": {"fugc": dataset}, "models": {"student": {"phantom": False}}})

    (line,) = said(0.555)
    assert (
        line.startswith("fugc (phantom), click: the warnings of the student mislead") and "0.555, of all 0.602" in line
    )
    assert said(0.7) == said(0.602) == said(None) == []
