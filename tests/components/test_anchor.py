"""Where a chain ended is kept beside its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.anchor import SLOT_BYTES, Anchor, anchor_of, leave_ends, read_ends


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


def test_ends_that_are_written_in_place_are_as_they_were_left(tmp_path: Path) -> None:
    chained = tmp_path / "a/ledger.jsonl"
    anchor = Anchor(chained, (0, "0" * 64))
    assert read_ends(chained) == ((0, "0" * 64),)
    many = tuple((n, "f" * 64) for n in range(10**12, 10**12 + 300))
    for ends in (((1, "a"), (2, "b")), many, ((3, "c"),), ((4, "d"),)):
        for durable in (True, False):
            anchor.leave(*ends, durable=durable)
            assert read_ends(chained) == ends
    assert anchor.is_there() and anchor_of(chained).stat().st_size == 2 * SLOT_BYTES
    leave_ends(chained, (5, "e"))
    assert read_ends(chained) == ((5, "e"),) and not anchor.is_there()
    anchor_of(chained).unlink()
    assert not anchor.is_there()
    anchor.close()
    anchor.close()


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("written", [0, 1, 30, 120])
def test_a_power_cut_within_a_write_leaves_the_ends_of_the_one_before(
    tmp_path: Path, durable: bool, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was left durably stays, whatever becomes of those that weren't, and of the one that is torn."""
    chained = tmp_path / "a/ledger.jsonl"
    anchor = Anchor(chained, (0, "0" * 64))
    anchor.leave((0, "0" * 64), (1, "a" * 64))
    anchor.leave((1, "a" * 64), durable=False)
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, place: pwrite(file, data[:written], place))
    with pytest.raises(OSError, match="only a part"):
        anchor.leave((1, "a" * 64), (2, "b" * 64), durable=durable)
    # The first characters of every slot are the same.
    expected = ((1, "a" * 64),) if written < 2 else ((0, "0" * 64), (1, "a" * 64))
    assert read_ends(chained) == expected
    monkeypatch.undo()
    anchor.leave((1, "a" * 64), (3, "c" * 64))
    assert read_ends(chained) == ((1, "a" * 64), (3, "c" * 64))


def test_two_torn_slots_allow_no_end(tmp_path: Path) -> None:
    Anchor(tmp_path / "a/ledger.jsonl", (1, "a")).close()
    path = anchor_of(tmp_path / "a/ledger.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"a"', b'"b"'))
    assert read_ends(tmp_path / "a/ledger.jsonl") == ()
