"""Journals: finished items stay, torn lines and other stamps don't."""

from __future__ import annotations

from pathlib import Path

from components.journal import LINES, Journal, work_folder


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


def test_the_work_folder_is_hidden_and_beside(tmp_path: Path) -> None:
    assert work_folder(tmp_path / "busi") == tmp_path / ".busi.partial.tmp"
