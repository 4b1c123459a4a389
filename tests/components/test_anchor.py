"""Where a chain ended is kept beside its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.anchor import anchor_of, leave_ends, read_ends


def test_ends_are_as_they_were_left_outside_of_the_folder(tmp_path: Path) -> None:
    chained = tmp_path / "a/ledger.jsonl"
    assert read_ends(chained) is None
    leave_ends(chained, (1, "x"), (2, "y"))
    assert read_ends(chained) == ((1, "x"), (2, "y"))
    assert anchor_of(chained) == tmp_path / "a.end.json" and not chained.parent.exists()


@pytest.mark.parametrize(("durable", "syncs"), [(True, 2), (False, 0)])
def test_the_file_and_its_name_reach_the_disk_where_asked(
    tmp_path: Path, durable: bool, syncs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    leave_ends(tmp_path / "a/ledger.jsonl", (1, "x"), durable=durable)
    assert len(synced) == syncs and read_ends(tmp_path / "a/ledger.jsonl") == ((1, "x"),)


@pytest.mark.parametrize("text", ["{", "[]", '{"ends": [3]}', '{"ends": [{"entries": "x", "digest": "y"}]}'])
def test_a_broken_file_allows_no_end(tmp_path: Path, text: str) -> None:
    anchor_of(tmp_path / "a/ledger.jsonl").write_text(text)
    assert read_ends(tmp_path / "a/ledger.jsonl") == ()
