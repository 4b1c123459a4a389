"""Lists of a JSON file, entry by entry: the same as the standard library reads at once, with one entry held."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.intake.layouts import json_lists
from components.intake.layouts.json_lists import JsonLists

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_FILES = st.dictionaries(st.sampled_from(["a", "b", 'q"\\', "é"]), _VALUES | st.lists(_VALUES, max_size=5))


def entries(path: Path, *names: str) -> list[tuple[str, Any]]:
    return list(JsonLists(path, names).entries(*names))


@settings(deadline=None)
@given(
    content=_FILES,
    indent=st.none() | st.integers(0, 2),
    chunk=st.integers(1, 9),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_entries_are_those_of_the_whole_file(
    content: dict[str, Any], indent: int | None, chunk: int, encoding: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_bytes(json.dumps(content, indent=indent, ensure_ascii=False).encode(encoding))
    lists = JsonLists(path, ("a", "b"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lists, "CHUNK_LETTERS", chunk)
        found = list(lists.entries("a"))
    listed = content.get("a")
    assert found == [("a", entry) for entry in (listed if isinstance(listed, list) else [])]
    assert dict(lists.begun) == {name: 1 for name in ("a", "b") if isinstance(content.get(name), list)}


@settings(deadline=None)
@given(content=_FILES, place=st.floats(0, 1), chunk=st.integers(1, 9))
def test_no_file_that_is_cut_off_passes(
    content: dict[str, Any], place: float, chunk: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = json.dumps(content)
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(text[: int(place * (len(text) - 1))])
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ValueError, match=r"."):
        patch.setattr(json_lists, "CHUNK_LETTERS", chunk)
        entries(path, "a")


@pytest.mark.parametrize(
    "text",
    [
        *["", "[]", "7", '{"a": [1,]}', '{"a": [,1]}', '{"a": [1 2]}', '{"a" 1}', "{a: 1}", '{"a": 1,}', '{"a": [1}'],
        *['{"a": [1]} x', '{"a": [1]]', '{"a": [01]}', '{"a": [tru]}', '{"a": "\\x"}', '{"a": [{"b": 1 2' + " " * 99],
    ],
)
def test_what_the_standard_library_refuses_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"."):
        entries(tmp_path / "a.json", "a")


def test_a_key_that_stands_twice_is_counted_twice(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": [1], "a": [2], "b": 3}')
    lists = JsonLists(tmp_path / "a.json", ("a", "b"))
    assert list(lists.entries("a")) == [("a", 1), ("a", 2)]
    assert dict(lists.begun) == {"a": 2}


def test_memory_holds_an_entry_and_not_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lists, "CHUNK_LETTERS", 2**14)
    path = tmp_path / "a.json"
    entry = json.dumps(list(range(500)))
    path.write_text('{"a": [' + ", ".join([entry] * 1000) + '], "b": []}')
    assert path.stat().st_size > 2_000_000
    tracemalloc.start()
    try:
        assert sum(1 for _ in JsonLists(path, ("a",)).entries("a")) == 1000
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 500_000


def test_an_entry_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lists, "MAX_ENTRY_LETTERS", 2**18)
    monkeypatch.setattr(json_lists, "CHUNK_LETTERS", 2**14)
    path = tmp_path / "a.json"
    path.write_text('{"a": [["' + "x" * 2**22 + '"]]}')
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="more than 262,144 letters"):
            entries(path, "a")
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2**22
