"""The table of images: what each row holds, in which order, and that it is found by its key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.intake.sides.images import ByKey, Images, Rows, first_of, images_of, numbered
from components.stored_list import StoredList
from components.texts import Texts
from components.types import ObjectTruth
from tests.components.intake.test_split import record, records_of


def test_rows_hold_what_the_records_say_dataset_by_dataset() -> None:
    objects = (ObjectTruth(1, "lesion", (0, 0, 1, 1), 30), ObjectTruth(2, "lesion", (0, 0, 1, 1), 50))
    wide = replace(record("b", "1", "g"), height_px=10, width_px=20, objects=objects, subject_class="benign")
    images = Images({"b": [wide], "c": [], "a": [record("a", "2", "h", phantom=True, official_split="test")]})
    assert list(images) == ["a", "b", "c"] == list(images.names) and images["b"] == [wide]
    assert [images.key(row) for row in range(images.count)] == [("a", "2"), ("b", "1")]
    assert [images.groups[number] for number in images.group] == ["a/h", "b/g"]
    assert [images.classes[number] for number in images.subject_class] == ["", "benign"]
    assert images.long_side_px[1] == 20 and images.largest_share.tolist() == [0, 0.25]
    assert images.phantom.tolist() == images.official_test.tolist() == [True, False]
    assert images_of(images) is images


def test_images_are_found_by_key_whatever_their_order_and_wherever_they_stand() -> None:
    some = records_of("a", [1] * 30)
    images = Images({"a": StoredList(reversed(some)), "b": records_of("b", [2, 1])})
    keys = [images.key(row) for row in images.in_order.tolist()]
    assert keys == sorted(keys) and len(set(keys)) == 33
    assert [images.row(images.key(row)) for row in range(33)] == list(range(33))
    by_key = ByKey(images)
    assert len(by_key) == 33 and all(by_key[one.dataset, one.image_id] == one for one in some)
    for missing in (("a", "none"), ("c", "0_0"), ("", "")):
        with pytest.raises(KeyError):
            images.row(missing)
        assert missing not in by_key


def test_rows_of_several_lists_are_read_across_their_borders() -> None:
    some, others = records_of("a", [1] * 3), records_of("b", [1] * 2)
    rows = Rows(some, [], others)
    assert [rows.record(row) for row in range(5)] == [*some, *others] == list(rows.records())
    assert Rows([], []).count == 0 and Rows([], []).in_order.tolist() == []


def test_numbers_follow_the_order_of_the_texts() -> None:
    numbers, names = numbered(Texts(["b", "a", "ä", "b", ""]))
    assert numbers.tolist() == [2, 1, 3, 2, 0] and list(names) == ["", "a", "b", "ä"]
    assert first_of(numbers).tolist() == [0, 1, 2, 0, 4]
