"""Statements of common patients, to closed sets, and their file."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.contract import contract_names, load_contract
from components.errors import LayoutError
from components.intake.sides.sources import close_sources, read_sources, write_sources


def test_who_shares_patients_with_a_third_shares_them_with_each_other() -> None:
    stated = {"d": ["c"], "a": ["b"], "b": [], "c": ["b"], "e": ["f"], "g": []}
    assert close_sources(stated) == (("a", "b", "c", "d"), ("e", "f"))
    assert close_sources({"f": ["e"], "b": ["a"], "c": ["b", "d"]}) == close_sources(stated), (
        "who says it is all the same"
    )
    assert close_sources({}) == close_sources({"a": [], "b": ["b"]}) == ()


def test_the_projects_contracts_know_their_common_patients(root: Path) -> None:
    folder = root / "data/contracts"
    sources = close_sources({name: load_contract(name, folder).same_source_as for name in contract_names(folder)})
    assert {
        ("busi", "busi_curated", "busi_listed"),
        ("ddti", "ddti_637"),
        ("fh_ps_aop", "jnu_ifm", "psfhs"),
        ("tg3k", "tn3k"),
    } == set(sources)


def test_the_file_gives_the_sets_back(tmp_path: Path) -> None:
    for sources in ((), (("a", "b"), ("c", "d", "e"))):
        write_sources(tmp_path / "sources.json", sources)
        assert read_sources(tmp_path / "sources.json") == sources


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"schema": 2, "same_patients": []}', '{"schema": 1}', "\xff"])
def test_what_is_no_such_file_is_an_error_and_not_an_empty_statement(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "sources.json"
    if text is not None:
        path.write_text(text, encoding="latin-1")
    with pytest.raises(LayoutError, match="same patients") as caught:
        read_sources(path)
    assert "split" in caught.value.remedy
