"""Whatever a text holds, it stays one cell and is shown as it is."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from components.release.documents.marking import shown, table

CELL = st.text(alphabet=st.sampled_from(list("ab1 |\\`*_[]<>~&$#\n\r\t")), max_size=20)


@given(st.lists(CELL.filter(lambda text: bool(text.strip())), min_size=2, max_size=4))
def test_no_text_breaks_a_table(row: list[str]) -> None:
    drawn = table(["head"] * len(row), [row]).split("\n")
    assert len(drawn) == 3
    assert [_unescaped(part) for part in _parted(drawn[2][2:-2])] == [" ".join(text.split()) for text in row]


def _parted(line: str) -> list[str]:
    """A line's cells as GFM parts them: an escaped mark parts nothing."""
    found, at = [""], 0
    while at < len(line):
        if line[at] == "\\":
            found[-1] += line[at : at + 2]
            at += 2
        elif line[at] == "|":
            found.append("")
            at += 1
        else:
            found[-1] += line[at]
            at += 1
    return [part.strip(" ") for part in found]


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def test_marks_are_escaped_and_names_stay_readable() -> None:
    assert shown("a|b <script> [x](y) *z* `c` & $") == r"a\|b \<script\> \[x\](y) \*z\* \`c\` \& \$"
    assert shown("box_jitter _soft_") == r"box_jitter \_soft\_"
    assert shown("one\ntwo\r\n three") == "one two three"
