"""Plain text to Markdown that shows that very text: nothing in it can break a table, draw a link or become HTML.

Leaves out: what is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_MARKS = re.compile(r"[\\`*\[\]<>|~&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def shown(text: str) -> str:
    """A text on one line for within a line, each mark of Markdown escaped; underscores within words mean nothing."""
    return _MARKS.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain texts."""
    lines = [head, *rows]
    marked = [f"| {' | '.join(shown(cell) for cell in line)} |" for line in lines]
    return "\n".join([marked[0], f"| {' | '.join(['---'] * len(head))} |", *marked[1:]])
