"""Records to the pages of the documentation that show them: what stands between two marks is rendered, never typed.

`<!-- sonoforge bench table benchmarks/bench_NAME.json -->` begins such a place, with ` --brief` for the short form, and
`<!-- end of the table -->` ends it. Leaves out: what a table looks like (tables.py).
"""

from __future__ import annotations

import re
from pathlib import Path

from components.evaluation.benchmarking.record import BenchError, read_record
from components.evaluation.benchmarking.tables import markdown

_MARK = "<!-- sonoforge bench table "
_END = "<!-- end of the table -->"
_PLACE = re.compile(
    rf"(?P<begin>{_MARK}(?P<record>\S+)(?P<brief> --brief)? -->\n)(?P<held>(?:(?!{_MARK}).)*?)(?P<end>{_END})",
    re.DOTALL,
)
_NOT_YET = "Not measured yet: "


def refreshed(page: str, root: Path) -> str:
    """A page with all its tables as their records have them now; records are found from `root`.

    Raises
    ------
    BenchError
        If a file that it names isn't a record, a table's record isn't there any more, or a place has no end.
    """
    begun, ended = page.count(_MARK), len(_PLACE.findall(page))
    if begun != ended:
        raise BenchError(
            f"{begun - ended} of {begun} marks of a table aren't one, or have no end",
            expected=f"`{_MARK}RECORD -->`, or `RECORD --brief -->`, and `{_END}` before the next one",
            remedy="correct the page; nothing was changed",
        )
    return _PLACE.sub(lambda found: f"{found['begin']}\n{_rendered(found, root)}\n{found['end']}", page)


def named(page: str) -> tuple[str, ...]:
    """The record of each table that a page is marked to have, in its order."""
    return tuple(found["record"] for found in _PLACE.finditer(page))


def _rendered(found: re.Match[str], root: Path) -> str:
    record, held = found["record"], found["held"].strip()
    if (root / record).is_file():
        return markdown(read_record(root / record), brief=found["brief"] is not None)
    if held and not held.startswith(_NOT_YET):
        raise BenchError(
            f"{record} isn't in {root}, and the page has a table of it",
            expected="the record that the place names",
            remedy="give the command in the project's folder, or bring the record back; nothing was changed",
        )
    return f"{_NOT_YET}`sonoforge bench --out {record}`.\n"
