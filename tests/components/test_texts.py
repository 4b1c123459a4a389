"""Texts and numbers under texts: what lists and dictionaries would hold, in less memory."""

from __future__ import annotations

import pickle
import tracemalloc
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from components.texts import NEW_ENTRIES, Equals, Keys, Numbers, Texts

ANY = st.text(st.characters(exclude_characters="\0", exclude_categories=()), max_size=8)


@given(st.lists(ANY))
def test_texts_are_a_list_that_can_be_sorted(items: list[str]) -> None:
    texts = Texts(items)
    assert list(texts) == items and len(texts) == len(items)
    assert [texts[at] for at in range(-len(items), 0)] == items
    assert texts.order().tolist() == sorted(range(len(items)), key=items.__getitem__)


def test_one_long_text_among_many_keeps_the_order() -> None:
    items = ["b", "a" * 5000, "b", "", *(f"{number % 7}" for number in range(2000)), "a"]
    assert Texts(items).order().tolist() == sorted(range(len(items)), key=items.__getitem__)


@given(st.lists(ANY), ANY)
def test_a_text_is_found_among_sorted_ones(items: list[str], other: str) -> None:
    items.sort()
    texts = Texts(items)
    for text in (*items, other):
        assert texts.place(text) == (items.index(text) if text in items else None)


@given(st.lists(st.tuples(ANY, st.integers(0, 2**62))))
def test_numbers_are_a_dictionary(entries: list[tuple[str, int]]) -> None:
    numbers, expected = Numbers(), {}
    for text, number in entries:
        assert numbers.setdefault(text, number) == expected.setdefault(text, number)
        numbers[text] = expected[text] = number + 1
    keys = pickle.loads(pickle.dumps(numbers.keys()))
    assert len(numbers) == len(expected)
    for text in (*expected, "another", 1):
        assert (text in numbers) == (text in keys) == (text in expected)
    assert {text: numbers.get(text) for text in expected} == expected


def test_many_numbers_are_merged() -> None:
    numbers = Numbers()
    for number in range(3 * NEW_ENTRIES):
        numbers[str(number % (2 * NEW_ENTRIES))] = number
    expected = [*range(2 * NEW_ENTRIES, 3 * NEW_ENTRIES), *range(NEW_ENTRIES, 2 * NEW_ENTRIES)]
    assert [numbers.get(str(number)) for number in range(2 * NEW_ENTRIES)] == expected
    assert numbers.get("never") is None


def test_keys_hold_others() -> None:
    assert Keys.of("abc") >= Keys.of("ca") and Keys.of("a") >= Keys.of("")
    assert not Keys.of("abc") >= Keys.of("ad") and not Keys.of("") >= Keys.of("a")


def test_they_take_little_memory() -> None:
    tracemalloc.start()
    try:
        texts, numbers = Texts(), Numbers()
        for number in range(20_000):
            texts.append(f"{number:06d}.png")
            numbers[f"{number:06d}.png"] = number
        texts.order()
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / 20_000 < 60 and peak / 20_000 < 120


@given(st.lists(st.text("ab\ud800", max_size=2)))
def test_which_texts_are_equal(items: list[str]) -> None:
    equals = Equals(items)
    numbers = equals.numbers().tolist()
    counts = Counter(items)
    assert len(equals) == len(numbers) == len(items)
    assert equals.different() == len(counts) == len({*zip(items, numbers, strict=True)}) == len({*numbers})
    repeated = equals.repeated()
    assert all((text in repeated) == (counts[text] > 1) for text in (*items, "c"))
    equals.add("c")
    assert equals.different() == len(counts) + 1
