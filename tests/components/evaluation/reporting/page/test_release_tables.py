"""Tables about the release: what didn't pass comes first, and published figures are put beside real images alone."""

from __future__ import annotations

from dataclasses import replace

from components.evaluation.comparing.published import HURDLES, PUBLISHED
from components.evaluation.reporting.page.release_tables import (
    gate_table,
    hurdle_table,
    nearest,
    package_table,
    published_table,
)
from components.evaluation.reporting.page.results import Results
from components.evaluation.reporting.page.tables import Table


def texts(table: Table) -> list[list[str]]:
    return [[row.head, *(cell.text for cell in row.cells)] for _, rows in table.groups for row in rows]


def test_what_did_not_pass_comes_first(results: Results) -> None:
    assert [row[:4] for row in texts(gate_table(results))] == [
        ["floor:busi", "FAIL", "0.4123", "0.6"],
        ["cases:busi", "INSUFFICIENT", "6", "20"],
        ["leak", "PASS", "none", "none"],
    ]


def test_published_figures_stand_beside_real_images_at_the_exact_box_alone(results: Results) -> None:
    rows = texts(published_table(results))
    assert [row[0] for row in rows] == [one.system for one in PUBLISHED if one.system.startswith("UniUltra")]
    assert len(rows) == 3 and rows[0][3] == "93.81" and rows[0][-1].endswith("only phantoms of them")
    assert rows[2][-1] == "none: it isn't said which sets these are"
    busi = results.tested[0]
    real = replace(busi, found={**busi.found, "phantom": False})
    mean = busi.found["prompts"]["box"]["student"]["dice"]["mean"]
    assert nearest(replace(results, tested=(real,)), PUBLISHED[0]) == f"busi {100 * mean:.2f}"
    bare = replace(real, found={**real.found, "prompts": {"click": busi.found["prompts"]["click"]}})
    assert nearest(replace(results, tested=(bare,)), PUBLISHED[0]) == "none: the exact box wasn't asked for"
    assert nearest(replace(results, tested=()), PUBLISHED[0]) == "none: images of these sets weren't tested here"


def test_every_hurdle_says_what_follows() -> None:
    rows = texts(hurdle_table())
    assert len(rows) == len(HURDLES) and all(all(cell for cell in row) for row in rows)


def test_the_package_is_told_as_measured(results: Results) -> None:
    told = dict(row[:2] for row in texts(package_table(results.package)))
    assert told["time to embed"] == "61 ms (median), 70 ms (95 %), n = 20"
    assert told["peak memory"] == "812 MB" and told["files"] == "1; files that may run code: none"
    assert told["measured on"] == "cpu two cores"
    unsafe = {**results.package, "unsafe_files": ["a.pt"]}
    assert dict(row[:2] for row in texts(package_table(unsafe)))["files"].endswith("run code: a.pt")
