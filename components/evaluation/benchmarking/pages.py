"""Records to the pages of the documentation that show them: what stands between two marks is rendered, never typed.

`<!-- sonoforge bench table benchmarks/bench_NAME.json -->` begins such a place, with ` --brief` for the short form, and
`<!-- end of the table -->` ends it. Leaves out: what a table looks like (tables.py).
"""

from __future__ import annotations

import re
from pathlib import Path

from components.evaluation.benchmarking.record import read_record
from components.evaluation.benchmarking.tables import markdown

_PLACE = re.compile(
    r"(<!-- sonoforge bench table (?P<record>\S+)(?P<brief> --brief)? -->\n).*?(<!-- end of the table -->)", re.DOTALL
)


def refreshed(page: str, root: Path) -> str:
    """A page with all its tables as their records have them now; records are found from `root`.

    Raises
    ------
    BenchError
        If a file that it names isn't a record.
    """
    return _PLACE.sub(lambda found: f"{found[1]}\n{_rendered(found, root)}\n{found[4]}", page)


def named(page: str) -> tuple[str, ...]:
    """The record of each table that a page is marked to have, in its order."""
    return tuple(found["record"] for found in _PLACE.finditer(page))


def _rendered(found: re.Match[str], root: Path) -> str:
    record = found["record"]
    if not (root / record).is_file():
        return f"Not measured yet: `sonoforge bench --out {record}`.\n"
    return markdown(read_record(root / record), brief=found["brief"] is not None)
