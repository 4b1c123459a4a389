"""Counting records: what lists and sets of them say."""

from __future__ import annotations

from pathlib import Path

from components.intake.form.counted import Counted, counted
from components.types import ObjectTruth, Record


def record(number: int, group: str, *, objects: int = 0, phantom: bool = False) -> Record:
    truth = tuple(ObjectTruth(index, "lesion", (0, 0, 1, 1), 1) for index in range(1, objects + 1))
    place = Path("a.tar")
    return Record("d", f"{number}", group, "internal", place, place, 1, 1, "", phantom, truth)


def test_images_objects_groups_and_phantoms() -> None:
    assert counted(iter(())) == Counted(0, 0, 0, False)
    some = [record(1, "a", objects=2), record(2, "b"), record(3, "a", objects=1)]
    assert counted(iter(some)) == Counted(3, 3, 2, False)
    assert counted([*some, record(4, "c", phantom=True)]) == Counted(4, 3, 3, True)
