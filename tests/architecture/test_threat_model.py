"""The threat model names tests that are there."""

from __future__ import annotations

import re

from tests.architecture.closure import ROOT

PAGE = ROOT / "docs/threat-model.md"
NAMED = re.compile(r"`(tests/[\w./]+\.py)(?:::(\w+))?`")


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 25
    for file, test in named:
        path = ROOT / file
        assert path.is_file(), file
        assert not test or f"def {test}(" in path.read_text(encoding="utf-8"), f"{file}::{test}"


def test_every_threat_has_a_test_or_says_that_it_has_none() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| [STRIDE] \|", line)]
    assert len(rows) > 20
    for row in rows:
        assert NAMED.search(row) or "not a test" in row, row
