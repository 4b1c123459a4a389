"""COCO files made to fill the memory or to take for ever: each ends in a fault, soon, with little held."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.contract import Contract
from components.intake.layouts import coco_sheet, instances, json_lists, read_layout
from components.intake.layouts.instances import OutlineError, instance_of
from tests.components.intake.layouts.test_coco import FILE, OPTIONS, make
from tests.components.intake.raw_trees import coco_json, coco_tree

ContractOf = Callable[[str], Contract]
IMAGES = {"images": coco_json()["images"], "categories": coco_json()["categories"]}
_SQUARE = [[1, 1, 9, 1, 9, 9]]


@pytest.fixture
def contract(contract_of: ContractOf) -> Contract:
    return make(contract_of("udiat"), OPTIONS)


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds sixteen times nearer, so that what goes beyond them is soon written."""
    monkeypatch.setattr(json_lists, "MAX_ENTRY_LETTERS", 1_000_000)
    monkeypatch.setattr(instances, "MAX_RUNS_LETTERS", 100_000)
    monkeypatch.setattr(coco_sheet, "MAX_AN_IMAGE", 100)
    monkeypatch.setattr(coco_sheet, "MAX_TOLD", 50)


def text_of(annotations: str) -> str:
    return json.dumps(IMAGES)[:-1] + f', "annotations": [{annotations}]}}'


def annotation(key: int, segmentation: str = json.dumps(_SQUARE), image: int = 1, category: int = 1) -> str:
    return f'{{"id": {key}, "image_id": {image}, "category_id": {category}, "segmentation": {segmentation}}}'


HOSTILE = {
    "annotations on one image": (
        ", ".join(annotation(key) for key in range(5_000)),
        "too_many_objects",
        "p1_a.png has 5,000 annotations",
    ),
    "broken annotations": (
        ", ".join(annotation(key, "[[1, 1]]") for key in range(5_000)),
        "broken_outline",
        "4,950 more entries of this kind, after the first 50",
    ),
    "annotations of no image": (
        ", ".join(annotation(key, image=99) for key in range(5_000)),
        "annotation_without_image",
        "annotations of no listed image: 0, 1, 2, 3, 4, … (5,000 in all)",
    ),
    "annotations of no category": (
        ", ".join(annotation(key, category=key + 9) for key in range(5_000)),
        "unknown_category",
        "category id '(others)' of annotations 50, 51, 52, 53, 54, …",
    ),
    "a ring of many points": (
        annotation(1, "[[" + "1.5, 2.5, " * 200_000 + "1, 1]]"),
        "bad_annotations",
        "can't be read: an entry of more than 1,000,000 letters",
    ),
    "many rings of nothing": (
        annotation(1, "[" + "[], " * 50_000 + "[]]"),
        "broken_outline",
        "annotation 1 of p1_a.png: a polygon of 0 numbers",
    ),
    "many run lengths": (
        annotation(1, '{"size": [160, 180], "counts": [' + "1, " * 100_000 + "1]}"),
        "broken_outline",
        "annotation 1 of p1_a.png: run lengths of 100,001 pixels",
    ),
    "long compressed run lengths": (
        annotation(1, '{"size": [160, 180], "counts": "' + "0" * 900_000 + '"}'),
        "broken_outline",
        "annotation 1 of p1_a.png: compressed run lengths that are empty, too long",
    ),
    "lists in lists": ("[" * 500_000, "bad_annotations", "can't be read: maximum recursion"),
    "a text without end": ('{"id": "' + "x" * 2_000_000, "bad_annotations", "can't be read: an entry of more than"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_ends_in_a_fault(kind: str, contract: Contract, tmp_path: Path, contracts: Path) -> None:
    annotations, code, said = HOSTILE[kind]
    folder = coco_tree(tmp_path, text_of(annotations))
    reading = read_layout(contract, folder, contracts=contracts)
    told = [one for one in reading.faults if (one.code, one.severity, one.file) == (code, "error", FILE)]
    assert told, reading.faults[:3]
    assert any(one.found.startswith(said) for one in told), told[-1].found
    assert len(reading.faults) <= 60
    assert "p1_a" not in {case.image_id for case in reading.cases}


def test_more_entries_than_a_dataset_has_are_refused(
    contract: Contract, tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco_sheet, "MAX_ENTRIES", 2)
    faults = read_layout(contract, coco_tree(tmp_path), contracts=contracts).faults
    assert [one.found for one in faults if one.code == "bad_annotations"] == ["can't be read: more than 2 images"]


def test_a_list_that_stands_twice_is_refused(contract: Contract, tmp_path: Path, contracts: Path) -> None:
    text = json.dumps(coco_json())[:-1] + ', "images": []}'
    faults = read_layout(contract, coco_tree(tmp_path, text), contracts=contracts).faults
    assert [one.found for one in faults if one.code == "bad_annotations"] == [
        "can't be read: more than one list of images"
    ]


def test_lists_may_stand_in_any_order(contract: Contract, tmp_path: Path, contracts: Path) -> None:
    content = coco_json()
    read = []
    for number, order in enumerate((["images", "categories", "annotations"], ["annotations", "categories", "images"])):
        folder = coco_tree(tmp_path / str(number), {key: content[key] for key in order})
        reading = read_layout(contract, folder, contracts=contracts)
        assert reading.faults == ()
        read.append([(case.image_id, case.group, case.instances) for case in reading.cases])
    assert read[0] == read[1]


def test_an_outline_takes_eight_bytes_a_number() -> None:
    ring: list[Any] = [float(value % 90) + 0.25 for value in range(20_000)]
    found = instance_of([ring], 1, size_hw=(100, 100), even_odd=False)
    assert memoryview(found.rings[0]).nbytes == 160_000  # type: ignore[arg-type]
    assert list(found.rings[0]) == ring


@pytest.mark.parametrize("value", [True, "1", None, [1], {"x": 1}])
def test_what_only_looks_like_a_number_is_none(value: Any) -> None:
    with pytest.raises(OutlineError, match="something else than numbers"):
        instance_of([[1, 1, 5, value, 9, 1]], 1, size_hw=(20, 20), even_odd=False)
    with pytest.raises(OutlineError, match="something else than whole numbers"):
        instance_of({"size": [20, 20], "counts": [1, value]}, 1, size_hw=(20, 20), even_odd=False)
