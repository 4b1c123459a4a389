"""A dataset's page, to text that a terminal shows: no wider than it, tables as lines.

A table of two unnamed columns becomes `name: text`, any other a block a row. Leaves out: what a page says
(dataset_page.py), and any Markdown that it doesn't use.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

_ADDRESS = re.compile(r"<(https?://[^ >]+)>")
_CELLS = re.compile(r"(?<!\\)\|")


def plain(markdown: str, width: int) -> str:
    """The page without tables and emphasis, wrapped to `width` columns; longer words, and code, stay whole."""
    lines: list[str] = []
    fenced = False
    for is_table, block in groupby(markdown.splitlines(), key=lambda line: line.startswith("|")):
        if is_table and not fenced:
            lines += _table([_cells(line) for line in block], width)
            continue
        for line in block:
            if line.startswith("```"):
                fenced = not fenced
            elif fenced:
                lines.append(f"    {line}")
            elif line.startswith("    ") or not line:
                lines.append(line)
            else:
                lines += _wrapped(_bare(line), width, indent="  " if line.startswith("- ") else "")
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    head, _, *body = rows
    for number, (first, *others) in enumerate(body):
        if not any(head):
            yield from _wrapped(f"{first}: {' '.join(others)}", width, indent="  ")
            continue
        if number:
            yield ""
        yield from _wrapped(first, width, indent="  ")
        for name, cell in zip(head[1:], others, strict=True):
            if cell:
                yield from _wrapped(f"  {name}: {cell}", width, indent="    ")


def _cells(line: str) -> list[str]:
    return [_bare(cell.strip()) for cell in _CELLS.split(line)[1:-1]]


def _bare(text: str) -> str:
    return _ADDRESS.sub(r"\1", text).replace("**", "").replace("\\|", "|").replace("`", "")


def _wrapped(text: str, width: int, *, indent: str) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
