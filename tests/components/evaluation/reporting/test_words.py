"""Standing sentences: what they say follows from the numbers."""

from __future__ import annotations

from components.evaluation.reporting.words import origin_words


def test_scanner_and_site_are_named_where_they_are_stated() -> None:
    bra = {"origins": {"scanner": {"one": 3, "two": 4}, "site": {"here": 7}}}
    assert origin_words({"busi": {"origins": {}}, "fugc": {}}) == "No dataset here states a scanner or a site."
    assert origin_words({"bra": bra, "busi": {"origins": {}}}) == (
        "Scanner of the test images: bra (one, two); the others state none. "
        "Site of the test images: bra (here); the others state none."
    )
    alone = {"origins": {"scanner": {"one": 3}}}
    assert origin_words({"udiat": alone}) == "Scanner of the test images: udiat (one). No dataset here states a site."
