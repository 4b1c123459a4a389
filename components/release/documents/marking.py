"""Plain texts to a table of Markdown that shows those very texts: nothing in a cell can break it.

Leaves out: what is said, and how a text is marked (components/marking.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from components.marking import shown

__all__ = ["shown", "table"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain texts."""
    lines = [head, *rows]
    marked = [f"| {' | '.join(shown(cell) for cell in line)} |" for line in lines]
    return "\n".join([marked[0], f"| {' | '.join(['---'] * len(head))} |", *marked[1:]])
