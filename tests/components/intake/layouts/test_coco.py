# ruff: noqa: E501 - the table of faults reads best with one fault a line
"""COCO files: what a clean one gives, every fault by file and annotation, and no bytes that crash the reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.contract import Contract
from components.errors import ContractError
from components.intake.form.records import load_instances
from components.intake.harmonise import harmonise
from components.intake.layouts import read_layout
from components.intake.layouts.instances import OutlineError, instance_of, run_lengths
from components.intake.measuring.layers import drawn
from components.intake.measuring.pixels import read_case
from components.intake.validate_data import check_data
from components.masks import to_rle
from tests.components.intake.raw_trees import SIDE_PX, coco_json, coco_tree, disc, on_frame, save, speckle

ContractOf = Callable[[str], Contract]
WIDTH_PX = SIDE_PX + 20
FILE = "annotations/all__coco.json"
OPTIONS: dict[str, Any] = {
    "files": [{"json_file": FILE, "images": "images"}],
    "categories": {"nodule": 1, "gland": 2},
    "names": "{patient}_{view}",
    "group": "{site}-{patient}",
}


@pytest.fixture
def contract(contract_of: ContractOf) -> Contract:
    """A contract of a COCO dataset, grouped by a field and a part of the name."""
    return make(contract_of("udiat"), OPTIONS)


def make(base: Contract, options: dict[str, Any], **expectations: object) -> Contract:
    """A contract that reads COCO files with these options."""
    mask = {"kind": "instances", "labels": {1: "thyroid nodule", 2: "thyroid gland"}, "reason": "test"}
    changed = base.model_dump() | {
        "layout": {"reader": "coco", "options": options},
        "mask": mask,
        "group": {"key": "case", "reason": "test"},
        "expectations": {"min_side_px": 100, **expectations},
    }
    return Contract.model_validate(changed)


def test_a_clean_tree_gives_each_annotation_as_an_object(contract: Contract, tmp_path: Path, contracts: Path) -> None:
    folder = coco_tree(tmp_path / "wrapped/in")
    reading = read_layout(contract, tmp_path, contracts=contracts)
    assert reading.faults == ()
    assert reading.root == folder
    assert [(case.image_id, case.group, len(case.instances)) for case in reading.cases] == [
        ("p1_a", "here-p1", 2),
        ("p2_a", "here-p2", 2),
        ("p3_a", "there-p3", 2),
    ]
    first = read_case(reading.cases[0], contract)
    # The squares touch along x = 60: the annotation says that they are two, of two kinds.
    assert sorted((o.label, o.box_xyxy, o.area_px) for o in first.objects) == [
        ("thyroid gland", (60, 30, 90, 80), 1500),
        ("thyroid nodule", (20, 30, 60, 80), 2000),
    ]
    runs = read_case(reading.cases[2], contract)
    assert runs.instances is not None
    small = next(o for o in runs.objects if o.area_px == 10)
    assert small.box_xyxy == (0, 0, 1, 10)
    assert np.array_equal(runs.instances == (3 - small.index), disc())


def test_it_is_sound_through_to_the_harmonised_form(contract: Contract, tmp_path: Path, contracts: Path) -> None:
    folder = coco_tree(tmp_path / "raw")
    checked = check_data(contract, folder, contracts=contracts)
    assert checked.sound
    assert checked.facts.frame()["objects"].tolist() == [2, 2, 2]
    done = harmonise(contract, folder, out=tmp_path / "out", phantom=False, contracts=contracts)
    assert [record.group for record in done.records] == ["here-p1", "here-p2", "there-p3"]
    instances = load_instances(done.records[0])
    assert {(o.label, int((instances == o.index).sum())) for o in done.records[0].objects} == {
        ("thyroid nodule", 2000),
        ("thyroid gland", 1500),
    }


def test_several_files_are_several_splits(contract_of: ContractOf, tmp_path: Path, contracts: Path) -> None:
    for split in ("train", "test"):
        coco_tree(tmp_path / split)
    files = [
        {"json_file": f"{split}/{FILE}", "images": f"{split}/images", "prefix": split, "split": split}
        for split in ("train", "test")
    ]
    reading = read_layout(make(contract_of("udiat"), OPTIONS | {"files": files}), tmp_path, contracts=contracts)
    assert {case.image_id for case in reading.cases} == {f"{s}_p{n}_a" for s in ("train", "test") for n in (1, 2, 3)}
    assert all(case.official_split == case.image_id.split("_")[0] for case in reading.cases)
    # One patient in both splits is one group: the joining is the split's business, not lost here.
    assert {case.group for case in reading.cases} == {"here-p1", "here-p2", "there-p3"}


def _change(part: str, number: int, **values: object) -> Callable[[dict[str, Any]], None]:
    return lambda content: content[part][number].update(values)


def _add(part: str, entry: object) -> Callable[[dict[str, Any]], None]:
    return lambda content: content[part].append(entry)


def _drop(part: str, number: int, key: str) -> Callable[[dict[str, Any]], None]:
    return lambda content: content[part][number].pop(key)


def _outline(segmentation: object) -> Callable[[dict[str, Any]], None]:
    return _change("annotations", 0, segmentation=segmentation)


_SIZE = [SIDE_PX, WIDTH_PX]
_PIXELS = SIDE_PX * WIDTH_PX
_ANNOTATION = {"id": 99, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}

BROKEN: list[tuple[Callable[[dict[str, Any]], Any], str, str]] = [
    # what is done to the file, code, what the fault names
    (lambda c: c.pop("images"), "bad_annotations", "can't be read: no list of images"),
    (lambda c: c.update(annotations={}), "bad_annotations", "can't be read: no list of annotations"),
    (lambda c: c["images"].append(7), "bad_annotations", "1 images without an id"),
    (_change("images", 0, id=None), "bad_annotations", "1 images without an id"),
    (_change("annotations", 0, id=True), "bad_annotations", "1 annotations without an id"),
    (_change("images", 0, id="1\0"), "bad_annotations", "1 images without an id"),
    (_change("images", 0, file_name="../p1_a.png"), "bad_annotations", "image 1: the file name '../p1_a.png'"),
    (_change("images", 0, file_name="/etc/passwd"), "bad_annotations", "image 1: the file name '/etc/passwd'"),
    (_change("images", 0, file_name="a\\b.png"), "bad_annotations", "image 1: the file name"),
    (_change("images", 0, file_name="a" * 300), "bad_annotations", "image 1: the file name"),
    (_change("images", 0, file_name="\ud800.png"), "bad_annotations", "image 1: the file name"),
    (_change("images", 0, file_name=12), "bad_annotations", "image 1: the file name"),
    (_drop("images", 0, "width"), "bad_annotations", "image 1: width None"),
    (_change("images", 0, height=10**9), "bad_annotations", "image 1: width"),
    (_change("images", 0, height=-1), "bad_annotations", "image 1: width"),
    (_change("images", 1, id=1), "duplicate_id", "images with an id that another has: 1"),
    (_change("images", 1, id="1"), "duplicate_id", "images with an id that another has: 1"),
    (_change("annotations", 1, id=10), "duplicate_id", "annotations with an id that another has: 10"),
    (_change("categories", 1, id=1), "duplicate_id", "categories with an id that another has: 1"),
    (_change("images", 1, file_name="p1_a.png"), "duplicate_id", "images 1 and 2 are one file, p1_a.png"),
    (_change("annotations", 0, image_id=77), "annotation_without_image", "annotations of no listed image: 10"),
    (_drop("annotations", 0, "image_id"), "annotation_without_image", "annotations of no listed image: 10"),
    (_add("images", {"id": 9, "file_name": "gone.png", "width": 9, "height": 9}), "missing_file", "1 listed images aren't there: gone.png"),
    (_change("categories", 0, name="nerve"), "unknown_category", "category 1 'nerve'"),
    (_change("annotations", 0, category_id=5), "unknown_category", "category id '5' of annotations 10"),
    (_change("annotations", 0, iscrowd=1), "crowd_region", "annotation 10 of p1_a.png"),
    (_outline(None), "broken_outline", "annotation 10 of p1_a.png: neither polygons"),
    (_outline([]), "broken_outline", "annotation 10 of p1_a.png: neither polygons"),
    (_outline([[1, 1, 5, 5]]), "broken_outline", "annotation 10 of p1_a.png: a polygon of 4 numbers"),
    (_outline([[1, 1, 5, 5, 9, 1, 7]]), "broken_outline", "annotation 10 of p1_a.png: a polygon of 7 numbers"),
    (_outline([[1, 1, float("nan"), 5, 9, 1]]), "broken_outline", "annotation 10 of p1_a.png: a point that isn't finite"),
    (_outline([[1, 1, float("inf"), 5, 9, 1]]), "broken_outline", "annotation 10 of p1_a.png: a point that isn't finite"),
    (_outline([[1, 1, 10**400, 5, 9, 1]]), "broken_outline", "annotation 10 of p1_a.png: the point (1000000"),
    (_outline([[1, 1, 500, 5, 9, 90]]), "broken_outline", f"annotation 10 of p1_a.png: the point (500, 5) outside {WIDTH_PX} x {SIDE_PX} pixels"),
    (_outline([[1, 1, -30, 5, 9, 90]]), "broken_outline", "annotation 10 of p1_a.png: the point (-30, 5) outside"),
    (_outline([[1, 1, 2, 2, 3, 3]]), "broken_outline", "annotation 10 of p1_a.png: a polygon without area"),
    (_outline([["1", 1, 2, 2, 3, 9]]), "broken_outline", "annotation 10 of p1_a.png: a polygon with something else"),
    (_outline([1, 1, 2, 2, 3, 9]), "broken_outline", "annotation 10 of p1_a.png: a polygon that isn't a list"),
    (_outline({"size": [9, 9], "counts": [1, 80]}), "mask_size_mismatch", "annotation 10 of p1_a.png: run lengths of size [9, 9]"),
    (_outline({"size": _SIZE, "counts": [1, 80]}), "broken_outline", "annotation 10 of p1_a.png: run lengths of 81 pixels"),
    (_outline({"size": _SIZE, "counts": [_PIXELS + 5, -5]}), "broken_outline", "annotation 10 of p1_a.png: a run length under 0"),
    (_outline({"size": _SIZE, "counts": [_PIXELS]}), "broken_outline", "annotation 10 of p1_a.png: run lengths without one pixel"),
    (_outline({"size": _SIZE, "counts": [1.5, 2]}), "broken_outline", "annotation 10 of p1_a.png: run lengths with something else"),
    (_outline({"size": _SIZE}), "broken_outline", "annotation 10 of p1_a.png: run lengths without counts"),
    (_outline({"size": _SIZE, "counts": "\x7f"}), "broken_outline", "annotation 10 of p1_a.png: compressed run lengths with a strange letter"),
    (_outline({"size": _SIZE, "counts": "oooooooooo0"}), "broken_outline", "annotation 10 of p1_a.png: compressed run lengths with too large"),
    (_outline({"size": _SIZE, "counts": "é"}), "broken_outline", "annotation 10 of p1_a.png: compressed run lengths that are"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "code", "said"), BROKEN)
def test_a_broken_file_has_this_fault(
    spoil: Callable[[dict[str, Any]], Any], code: str, said: str, contract: Contract, tmp_path: Path, contracts: Path
) -> None:
    content = coco_json()
    spoil(content)
    checked = check_data(contract, coco_tree(tmp_path, content), contracts=contracts)
    found = [one for one in checked.faults if one.code == code]
    assert [(one.file, one.severity) for one in found] == [(FILE, "error")], checked.faults
    assert found[0].found.startswith(said), found[0].found
    assert found[0].expected
    assert found[0].remedy
    # An image that lost an annotation is no image with annotation: half a truth would score as a whole one.
    if code in ("broken_outline", "mask_size_mismatch", "crowd_region"):
        assert set(checked.facts.frame()["image_id"]) == {"p2_a", "p3_a"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "[" * 100_000, '{"images": 1' + "0" * 5000 + "}", "\xff", '{"images": "a"}']
)
def test_what_is_no_coco_file_is_a_fault(text: str, contract: Contract, tmp_path: Path, contracts: Path) -> None:
    faults = read_layout(contract, coco_tree(tmp_path, text), contracts=contracts).faults
    assert [one.file for one in faults if one.code == "bad_annotations"] == [FILE]


@pytest.mark.parametrize("sign", ["\0", "\n", "\ud800"])
def test_a_field_that_no_table_can_hold_gives_no_group(
    sign: str, contract: Contract, tmp_path: Path, contracts: Path
) -> None:
    content: Any = coco_json()
    content["images"][0]["site"] += sign
    checked = check_data(contract, coco_tree(tmp_path, content), contracts=contracts)
    assert [(one.code, one.file) for one in checked.faults] == [("group_missing", "images/p1_a.png")]
    assert list(checked.facts.texts("group")) == ["p1_a", "here-p2", "there-p3"]


def test_too_large_a_file_isn_t_read(
    contract: Contract, tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.intake.layouts.coco_sheet.MAX_JSON_BYTES", 100)
    faults = read_layout(contract, coco_tree(tmp_path), contracts=contracts).faults
    assert [one.file for one in faults if one.code == "bad_annotations"] == [FILE]


def test_images_without_annotation_are_the_contracts_choice(
    contract: Contract, contract_of: ContractOf, tmp_path: Path, contracts: Path
) -> None:
    content: Any = coco_json()
    content["annotations"] = [one for one in content["annotations"] if one["image_id"] != 1]
    folder = coco_tree(tmp_path, content)
    refused = check_data(contract, folder, contracts=contracts)
    assert [one.file for one in refused.faults if one.code == "image_without_mask"] == ["images/p1_a.png"]
    allowed = check_data(make(contract_of("udiat"), OPTIONS, unlabelled="ignore"), folder, contracts=contracts)
    assert allowed.sound
    assert [one.file for one in allowed.faults if one.code == "unlabelled_image"] == ["images/p1_a.png"]
    healthy = OPTIONS | {"subject_class": {"text": "{site}", "names": {"here": "healthy", "*": "ill"}}}
    empty = check_data(make(contract_of("udiat"), healthy, empty_mask_classes=["healthy"]), folder, contracts=contracts)
    assert empty.facts.frame().set_index("image_id").loc["p1_a", "objects"] == 0
    assert [one.code for one in empty.faults if one.severity == "error"] == []


def test_crowds_and_categories_can_be_left_out_or_taken(
    contract_of: ContractOf, tmp_path: Path, contracts: Path
) -> None:
    content: Any = coco_json()
    content["annotations"][0]["iscrowd"] = 1
    folder = coco_tree(tmp_path, content)

    def objects(**options: object) -> list[int]:
        reading = read_layout(make(contract_of("udiat"), OPTIONS | options), folder, contracts=contracts)
        return [len(case.instances) for case in reading.cases]

    assert objects(crowd="object") == [2, 2, 2]
    assert objects(crowd="leave_out") == [1, 2, 2]
    assert objects(crowd="leave_out", categories={"nodule": 1, "gland": None}) == [1]
    assert objects(crowd="object", categories={"nodule": 1, "gland": None}) == [1, 1]


def test_an_image_of_another_size_than_annotated_is_a_fault(
    contract: Contract, tmp_path: Path, contracts: Path
) -> None:
    folder = coco_tree(tmp_path)
    save(folder / "images/p1_a.png", speckle(1, height=120, width=130))
    checked = check_data(contract, folder, contracts=contracts)
    found = [one for one in checked.faults if one.code == "mask_size_mismatch"]
    assert [(one.file, one.severity) for one in found] == [("images/p1_a.png", "error")]
    assert found[0].found == f"annotated as {WIDTH_PX} x {SIDE_PX} pixels, in the file 130 x 120 pixels"


def test_an_image_that_isn_t_listed_and_a_name_without_group_are_reported(
    contract: Contract, tmp_path: Path, contracts: Path
) -> None:
    content: Any = coco_json()
    content["images"][0]["file_name"] = "plain.png"
    folder = coco_tree(tmp_path, content)
    (folder / "images/p1_a.png").rename(folder / "images/plain.png")
    save(folder / "images/p9_a.png", speckle(9))
    faults = read_layout(contract, folder, contracts=contracts).faults
    assert {(one.code, one.severity, one.file) for one in faults} == {
        ("group_missing", "error", "images/plain.png"),
        ("unexpected_file", "warning", "images/p9_a.png"),
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"categories": {"nodule": 7}}, "codes \\[7\\]"),
        ({"group": None}, "group.key case"),
        ({"files": []}, "files"),
        ({"crowds": "object"}, "crowds"),
        ({"names": "all"}, "needs a blank"),
        ({"files": [{"json_file": FILE, "images": "images", "split": "testing"}]}, "'trainval' or 'test'"),
    ],
)
def test_wrong_options_are_refused(
    options: dict[str, Any], said: str, contract_of: ContractOf, tmp_path: Path, contracts: Path
) -> None:
    with pytest.raises(ContractError, match=said):
        read_layout(make(contract_of("udiat"), OPTIONS | options), coco_tree(tmp_path), contracts=contracts)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_compressed_run_lengths_mean_what_pycocotools_wrote(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < rng.random()
    if not mask.any():
        return
    instance = instance_of(to_rle(mask), 1, size_hw=(height, width), even_odd=False)
    assert np.array_equal(drawn(instance).mask, mask)
    counts = run_lengths(to_rle(mask)["counts"]).tolist()
    plain = instance_of({"size": [height, width], "counts": counts}, 1, size_hw=(height, width), even_odd=False)
    assert np.array_equal(drawn(plain).mask, mask)


def test_rings_are_united_or_holes() -> None:
    outer, inner = [0, 0, 10, 0, 10, 10, 0, 10], [2, 2, 6, 2, 6, 6, 2, 6]
    united = drawn(instance_of([outer, inner], 1, size_hw=(12, 12), even_odd=False))
    holed = drawn(instance_of([outer, inner], 1, size_hw=(12, 12), even_odd=True))
    assert (united.area_px, holed.area_px) == (100, 84)
    assert not on_frame(holed, (12, 12))[3, 3]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["size", "counts", "id"]), inner),
    max_leaves=12,
)


@given(_VALUES)
def test_no_segmentation_crashes(segmentation: Any) -> None:
    try:
        drawn(instance_of(segmentation, 1, size_hw=(9, 7), even_odd=False))
    except OutlineError as error:
        assert error.code in ("broken_outline", "mask_size_mismatch")


@given(st.text(max_size=30))
def test_no_text_crashes_the_run_lengths(text: str) -> None:
    segmentation = {"size": [9, 7], "counts": text}
    try:
        assert drawn(instance_of(segmentation, 1, size_hw=(9, 7), even_odd=False)).area_px
    except OutlineError as error:
        assert error.code == "broken_outline"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_entry_crashes_the_reader(
    contract_of: ContractOf, contracts: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content: Any = coco_json()
    part = data.draw(st.sampled_from(["images", "annotations", "categories"]))
    row = data.draw(st.integers(0, len(content[part]) - 1))
    key = data.draw(st.sampled_from([*content[part][row], "whole"]))
    value = data.draw(_VALUES)
    if key == "whole":
        content[part][row] = value
    else:
        content[part][row][key] = value
    folder = tmp_path_factory.mktemp("fuzz")
    coco_tree_once(folder, json.dumps(content))
    reading = read_layout(make(contract_of("udiat"), OPTIONS), folder, contracts=contracts)
    # Whether the image really has its declared size comes out when it is decoded.
    declared = [(one.get("height"), one.get("width")) for one in content["images"] if isinstance(one, dict)]
    for case in reading.cases:
        assert case.image.is_relative_to(folder)
        for instance in case.instances:
            assert on_frame(drawn(instance), instance.size_hw).shape in declared


def coco_tree_once(folder: Path, text: str) -> None:
    """The tree with empty files for images: the reader doesn't open them."""
    (folder / "images").mkdir()
    for number in (1, 2, 3):
        (folder / f"images/p{number}_a.png").touch()
    (folder / "annotations").mkdir()
    (folder / FILE).write_text(text)
