"""Strata: classes, and terciles of the largest object's share of the frame."""

from __future__ import annotations

from dataclasses import replace

from components.intake.sides.images import Datasets, Images, Key
from components.intake.sides.strata import NO_OBJECT, Stratum, strata_of
from components.types import ObjectTruth, Record
from tests.components.intake.test_split import records_of


def strata_by_key(datasets: Datasets) -> dict[Key, Stratum]:
    """The stratum of each image."""
    images = Images(datasets)
    numbers, strata = strata_of(images)
    assert list(strata) == sorted(set(strata))
    return {images.key(row): strata[number] for row, number in enumerate(numbers.tolist())}


def sized(one: Record, *areas_px: int) -> Record:
    return replace(one, objects=tuple(ObjectTruth(k, "lesion", (0, 0, 1, 1), px) for k, px in enumerate(areas_px, 1)))


def test_terciles_are_of_the_largest_objects_share_within_a_dataset() -> None:
    plain = records_of("a", [1] * 7, subject_class="benign")
    records = [plain[0], *(sized(one, 10 * k, 1) for k, one in enumerate(plain[1:], 1))]
    found = strata_by_key({"a": records, "b": [sized(one, 9000) for one in records_of("b", [1])]})
    sizes = [found["a", one.image_id].size for one in records]
    assert sizes == [NO_OBJECT, "small", "small", "medium", "medium", "large", "large"]
    assert found["b", "0_0"] == Stratum("b", "", "small"), "one size alone is the smallest"
    assert {stratum.subject_class for key, stratum in found.items() if key[0] == "a"} == {"benign"}


def test_a_larger_frame_makes_the_same_object_smaller_and_more_objects_dont_count() -> None:
    first, second, third = records_of("a", [1] * 3)
    wide = replace(sized(second, 100), width_px=1000)
    found = strata_by_key({"a": [sized(first, 100), wide, sized(third, 60, 60, 60)]})
    assert [found["a", one].size for one in ("0_0", "1_0", "2_0")] == ["large", "small", "medium"]


def test_no_objects_and_no_images() -> None:
    assert strata_by_key({"a": records_of("a", [1]), "b": []}) == {("a", "0_0"): Stratum("a", "", NO_OBJECT)}
