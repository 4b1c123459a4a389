"""What people write into the ledger is read as what it is."""

from __future__ import annotations

import pytest

from components.errors import ReleaseError
from components.release.records.words import MAX_CHARACTERS, check_words, shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("fine\x1b[2K\rapproved", r"the reason holds the unseen characters U\+000D, U\+001B"),
        ("two\nlines", r"U\+000A"),
        ("a\u202eb", r"U\+202E"),
        ("a\u200bb", r"U\+200B"),
        ("a\udcffb", r"U\+DCFF"),
        ("a" * (MAX_CHARACTERS + 1), "2,001 characters"),
    ],
)
def test_words_that_steer_or_never_end_are_refused(words: str, says: str) -> None:
    with pytest.raises(ReleaseError, match=says):
        check_words(words, what="reason")


def test_plain_words_of_any_script_are_taken() -> None:
    words = "geprüft: Zoë sah 12 Bilder an; 画像を確認 (q.v.)" + "a" * (MAX_CHARACTERS - 60)
    assert check_words(words, what="reason") == words == shown(words)


def test_what_is_shown_steers_nothing() -> None:
    assert shown("a\x1b[31mb\n\u202ec\udcff") == r"a\x1b[31mb\n\u202ec\udcff"
