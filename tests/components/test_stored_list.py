import copy
import pickle
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.stored_list import StoredList


@given(st.lists(st.one_of(st.text(max_size=40), st.binary(max_size=2**17), st.none())))
def test_it_reads_as_a_list_does(items: list[object]) -> None:
    stored = StoredList(items)
    assert len(stored) == len(items)
    assert list(stored) == items
    assert [stored[at] for at in range(-len(items), len(items))] == items + items
    assert list(stored[::-2]) == items[::-2]


def test_a_place_beyond_its_end() -> None:
    with pytest.raises(IndexError):
        StoredList([1])[1]


def test_it_grows_while_it_is_read() -> None:
    stored: StoredList[str] = StoredList()
    for number in range(3000):
        stored.append(f"{number}" * 20)
        assert stored[number // 2] == f"{number // 2}" * 20
    assert list(stored) == [f"{number}" * 20 for number in range(3000)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers())))
def test_ordered_keeps_the_order_of_equals(items: list[tuple[int, int]]) -> None:
    assert list(StoredList(items).ordered(lambda item: item[0])) == sorted(items, key=lambda item: item[0])


def test_chosen_ones_stand_for_themselves() -> None:
    some = StoredList("abcdef").chosen([4, 1, 1])
    assert list(some) == ["e", "b", "b"]
    assert list(some.ordered(str)) == ["b", "b", "e"]


def test_threads_read_what_was_written() -> None:
    stored = StoredList(range(5000))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(stored.__getitem__, range(5000))) == list(range(5000))


def test_another_process_gets_all_of_it() -> None:
    stored = StoredList(["one", Path("two")])
    assert list(pickle.loads(pickle.dumps(stored))) == ["one", Path("two")]
    assert list(copy.deepcopy(stored)) == ["one", Path("two")]


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stored = StoredList([bytes(2**18)])
    assert not list(tmp_path.iterdir())
    assert len(stored[0]) == 2**18
