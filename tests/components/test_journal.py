"""Journals: finished items stay, torn lines and other stamps don't."""

from __future__ import annotations

import os
import pickle
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.journal import LINES, SYNC_ITEMS, SYNC_S, Journal, work_folder
from components.texts import NEW_ENTRIES


def test_what_was_added_is_there_for_the_next_try(tmp_path: Path) -> None:
    Journal(tmp_path / "work", {"code": "a"}).add("one", {"rows": [1, 2]})
    again = Journal(tmp_path / "work", {"code": "a"})
    assert again.get("one") == {"rows": [1, 2]}
    assert again.get("two") is None


def test_another_stamp_empties_the_folder(tmp_path: Path) -> None:
    Journal(tmp_path / "work", {"code": "a"}).add("one", 1)
    (tmp_path / "work/image.png").write_bytes(b"x")
    assert Journal(tmp_path / "work", {"code": "b"}).get("one") is None
    assert not (tmp_path / "work/image.png").exists()


def test_a_folder_of_unknown_origin_is_emptied(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/torn.png").write_bytes(b"x")
    Journal(tmp_path / "work", {})
    assert not (tmp_path / "work/torn.png").exists()


def test_a_torn_line_is_ignored_and_doesnt_swallow_the_next(tmp_path: Path) -> None:
    Journal(tmp_path, {}).add("one", "whole")
    path = tmp_path / LINES
    path.write_bytes(path.read_bytes() + b'\n{"key": "two", "resu\xff')
    torn = Journal(tmp_path, {})
    assert torn.get("one") == "whole" and torn.get("two") is None
    torn.add("three", 3)
    assert [Journal(tmp_path, {}).get(key) for key in ("one", "two", "three")] == ["whole", None, 3]


def test_a_line_that_was_altered_is_ignored(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {})
    for key in ("one", "two"):
        journal.add(key, {"height_px": 480})
    data = (tmp_path / LINES).read_bytes()
    for altered in (data.replace(b"480", b"481", 1), data.replace(b"one", b"One"), data[1:], b"{}\n" + data[4:]):
        (tmp_path / LINES).write_bytes(altered)
        assert [Journal(tmp_path, {}).get(key) for key in ("one", "One", "two")] == [None, None, {"height_px": 480}]
        assert journal.get("one") is None
    # As SonoForge wrote it before lines had a CRC-32.
    (tmp_path / LINES).write_bytes(b'{"key": "one", "result": 1}')
    assert Journal(tmp_path, {}).get("one") is None


def test_a_later_result_of_one_key_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {})
    journal.add("one", 1)
    journal.add("one", 2)
    assert journal.get("one") == Journal(tmp_path, {}).get("one") == 2


def test_only_what_is_kept_stays(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {})
    journal.keep([])
    for number, key in enumerate(("one", "two", "three")):
        journal.add(key, number)
    journal.keep(["three", "one", "never there"])
    journal.add("four", 4)
    for known in (journal, Journal(tmp_path, {})):
        assert [known.get(key) for key in ("one", "two", "three", "four")] == [0, None, 2, 4]
    assert len((tmp_path / LINES).read_text().splitlines()) == 3


def test_whatever_was_written_of_it_whole_items_stay(tmp_path: Path) -> None:
    items = {"one": {"é": [1, 2]}, "two": None, "three": "a\nb", "four": 4.5}
    journal = Journal(tmp_path / "whole", {})
    for key, result in items.items():
        journal.add(key, result)
    data = (tmp_path / "whole" / LINES).read_bytes()
    ends = [0, *(at for at, sign in enumerate(data) if sign == ord("\n")), len(data)]
    for cut in range(len(data) + 1):
        Journal(tmp_path / "cut", {})
        (tmp_path / "cut" / LINES).write_bytes(data[:cut])
        for zeros in (b"", b"\0" * 7):  # what some file systems leave after a loss of power
            (tmp_path / "cut" / LINES).write_bytes(data[:cut] + zeros)
            again = Journal(tmp_path / "cut", {})
            whole = sum(end <= cut for end in ends[1:]) if not zeros else sum(end < cut for end in ends[1:])
            expected = {key: (items[key] if number < whole else None) for number, key in enumerate(items)}
            assert {key: again.get(key) for key in items} == expected, cut
            again.add("five", 5)
            assert again.get("five") == Journal(tmp_path / "cut", {}).get("five") == 5
            assert {key: again.get(key) for key in items} == expected


def test_what_was_added_reaches_the_disk_after_some_items_or_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    now_s = [0.0]
    monkeypatch.setattr(os, "fsync", lambda _: synced.append((tmp_path / LINES).stat().st_size))
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    journal = Journal(tmp_path, {})
    for number in range(SYNC_ITEMS - 1):
        journal.add(str(number), number)
    assert synced == []
    journal.add("last", 1)
    assert synced == [(tmp_path / LINES).stat().st_size]
    journal.add("soon", 1)
    assert len(synced) == 1
    now_s[0] += SYNC_S
    journal.add("later", 1)
    assert len(synced) == 2


def test_memory_holds_no_results(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        journal = Journal(tmp_path, {})
        for number in range(1000):
            journal.add(str(number), "x" * 10_000)
        again = Journal(tmp_path, {})
        assert again.get("999") == "x" * 10_000
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_000_000


def test_threads_read_while_one_adds(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {})
    journal.add("first", list(range(100)))
    with ThreadPoolExecutor(4) as pool:
        read = [pool.submit(journal.get, "first") for _ in range(200)]
        for number in range(200):
            journal.add(str(number), number)
        assert all(one.result() == list(range(100)) for one in read)
    assert [Journal(tmp_path, {}).get(str(number)) for number in range(200)] == list(range(200))


def test_a_replaced_result_goes_with_those_that_arent_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {})
    for key, result in (("one", 1), ("one", 2), ("two", 3)):
        journal.add(key, result)
    journal.keep(["one"])
    assert journal.get("one") == Journal(tmp_path, {}).get("one") == 2
    assert len((tmp_path / LINES).read_bytes().splitlines()) == 1


def test_the_work_folder_is_hidden_and_beside(tmp_path: Path) -> None:
    assert work_folder(tmp_path / "busi") == tmp_path / ".busi.partial.tmp"


def test_keys_know_what_was_done_by_then_also_in_another_process(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {})
    numbers = [str(number) for number in range(2 * NEW_ENTRIES + 10)]
    for number in numbers:
        journal.add(number, int(number))
    journal.add("0", "again")
    keys = pickle.loads(pickle.dumps(journal.keys()))
    journal.add("later", None)
    journal.add("nicht-\udcff-Unicode", 1)
    for known in (journal, Journal(tmp_path, {})):
        now = known.keys()
        assert all(number in keys and number in now for number in numbers)
        assert [known.get(number) for number in numbers] == ["again", *range(1, len(numbers))]
        assert "later" not in keys and "later" in now and "never" not in now
        assert 1 not in now
        assert known.get("nicht-\udcff-Unicode") == 1


def test_a_key_costs_a_few_dozen_bytes(tmp_path: Path) -> None:
    journal = Journal(tmp_path, {})
    for number in range(10_000):
        journal.add(f"{number:064d}", number)
    tracemalloc.start()
    try:
        again = Journal(tmp_path, {})
        done = again.keys()
        assert f"{0:064d}" in done
        again.keep(f"{number:064d}" for number in range(10_000))
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 40 * 10_000 and peak < 100 * 10_000
    assert again.get(f"{9_999:064d}") == 9_999
