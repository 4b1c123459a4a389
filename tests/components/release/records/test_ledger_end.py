"""Where a ledger ended is kept beside its folder, so that a cut, older or rewritten one is found."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from components.anchor import anchor_of, read_ends
from components.errors import ReleaseError
from components.release.records.ledger import Entry, _line, accept, append, read_ledger


def write(path: Path, action: str, source: str | None, target: str | None) -> Entry:
    return append(
        path,
        action=action,  # type: ignore[arg-type]
        who="anna",
        source=source,
        target=target,
        candidate=target,
        gate_sha256="0" * 64,
        reason="because",
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger in which `b` is in use, and `a` was before."""
    path = tmp_path / "released" / "ledger.jsonl"
    write(path, "promote", None, "a")
    write(path, "promote", "a", "b")
    return path


def check_refused(path: Path, told: str) -> None:
    for act in (lambda: read_ledger(path), lambda: write(path, "promote", "b", "c")):
        with pytest.raises(ReleaseError, match=told) as caught:
            act()
        assert "sonoforge accept-ledger" in caught.value.remedy and "backup" in caught.value.remedy


def test_the_end_is_kept_outside_of_the_ledgers_folder(path: Path, tmp_path: Path) -> None:
    ledger = read_ledger(path)
    assert anchor_of(path) == tmp_path / "released.end.json"
    assert read_ends(path) == ((2, ledger.head),)
    assert read_ends(tmp_path / "other" / "ledger.jsonl") is None
    assert read_ledger(tmp_path / "other" / "ledger.jsonl").entries == ()


def test_lines_cut_off_are_found_and_no_former_model_comes_into_use(path: Path) -> None:
    first, _ = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first)
    check_refused(path, "ends with entry 1, .*says that it ended with entry 2, ")
    path.unlink()
    check_refused(path, "holds no entry; .*ended with entry 2, ")


def test_a_chain_that_was_written_anew_is_found(path: Path) -> None:
    from dataclasses import replace

    last = read_ledger(path).entries[-1]
    first, _ = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + _line(replace(last, who="bert").sealed()))
    check_refused(path, "ends with entry 2, .*ended with entry 2, ")


def test_a_line_that_was_added_by_nobody_here_is_found(path: Path) -> None:
    from dataclasses import replace

    ledger = read_ledger(path)
    added = replace(ledger.entries[-1], number=3, source="b", target="a", previous=ledger.head).sealed()
    path.write_bytes(path.read_bytes() + _line(added))
    check_refused(path, "ends with entry 3, .*ended with entry 2, ")


@pytest.mark.parametrize("text", [None, "{", "[]", '{"ends": [3]}', '{"ends": []}'])
def test_a_lost_or_broken_end_is_said(path: Path, text: str | None) -> None:
    anchor_of(path).unlink() if text is None else anchor_of(path).write_text(text)
    check_refused(path, "the file is gone" if text is None else "it is broken")


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_crash_while_appending_leaves_a_ledger_that_fits(
    path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_ledger(path)
    synced: list[int] = []

    def fails(file: int) -> None:  # The anchor and its folder before the line is written, and then the line.
        synced.append(file)
        if len(synced) > after:
            raise OSError("the power is gone")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="power"):
        write(path, "promote", "b", "c")
    monkeypatch.undo()
    ledger = read_ledger(path)
    assert ledger.entries[:2] == before.entries and ledger.champion == ("c" if after == 2 else "b")
    write(path, "promote", ledger.champion, "d")
    assert read_ledger(path).champion == "d" and len(read_ends(path) or ()) == 1


def test_who_reads_while_another_appends_is_never_told_of_tampering(path: Path) -> None:
    done = threading.Event()

    def appending() -> None:
        for _ in range(40):
            write(path, "refuse", "b", "b")
        done.set()

    thread = threading.Thread(target=appending)
    thread.start()
    seen = 0
    while not done.is_set():
        found = len(read_ledger(path).entries)
        assert found >= seen
        seen = found
    thread.join()
    assert len(read_ledger(path).entries) == 42


def test_what_is_there_can_be_accepted_with_a_reason(path: Path) -> None:
    with pytest.raises(ReleaseError, match="where it was left"):
        accept(path, who="anna", reason="why not")
    first, _ = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first)
    entry = accept(path, who="anna", reason="restored from Monday's backup")
    ledger = read_ledger(path)
    assert (ledger.champion, ledger.entries[-1]) == ("a", entry) and (entry.action, entry.number) == ("accept", 2)
    assert entry.reason.startswith("restored from Monday's backup (the ledger ends with entry 1, ")
    anchor_of(path).unlink()
    accept(path, who="anna", reason="a new machine")
    assert (read_ledger(path).champion, read_ledger(path).previous) == ("a", None)
    path.unlink()
    assert accept(path, who="anna", reason="all is lost").number == 1 and read_ledger(path).champion is None


def test_a_broken_chain_is_never_accepted(path: Path) -> None:
    path.write_text(path.read_text().replace("anna", "bert", 1))
    with pytest.raises(ReleaseError, match="line 1"):
        accept(path, who="anna", reason="please")
