"""Tests of the COCO file, read back by pycocotools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pycocotools.coco import COCO

from components.findings.coco import to_coco
from components.findings.finding import Finding, Origin


@pytest.fixture()
def read_back(findings: list[Finding], origin: Origin, tmp_path: Path) -> COCO:
    told = to_coco(findings, origin, file_name="scan.png", size_hw=findings[0].mask.shape, frame=3)  # type: ignore[arg-type]
    (tmp_path / "coco.json").write_text(json.dumps(told, allow_nan=False), encoding="utf-8")
    return COCO(tmp_path / "coco.json")


def test_pycocotools_reads_the_same_masks(read_back: COCO, findings: list[Finding]) -> None:
    annotations = read_back.loadAnns(read_back.getAnnIds(imgIds=[1]))
    assert len(annotations) == len(findings)
    for annotation, finding in zip(annotations, findings, strict=True):
        assert (read_back.annToMask(annotation).astype(bool) == finding.mask).all()
        assert annotation["area"] == finding.mask.sum()
    assert annotations[0]["bbox"] == [7, 14, 27, 17]
    assert annotations[2]["bbox"] == [0, 0, 0, 0]


def test_names_are_categories_and_the_image_its_size(read_back: COCO) -> None:
    assert [each["name"] for each in read_back.loadCats(read_back.getCatIds())] == [
        "nodule one two",
        "Zyste 結節",
        "object 3",
    ]
    (image,) = read_back.loadImgs([1])
    assert (image["file_name"], image["height"], image["width"], image["frame"]) == ("scan.png", 48, 64, 3)


def test_who_outlined_and_how_far_to_trust_it_stand_beside(read_back: COCO, origin: Origin) -> None:
    info = read_back.dataset["info"]
    assert info["model"] == {"name": "hiera_mini", "version": "7", "digest": origin.model_digest, "phantom": True}
    assert "Research use only" in info["description"] and "phantom" in info["description"].lower()
    assert read_back.dataset["licenses"][0]["name"].startswith("Research use only")
    first, second, third = (each["attributes"] for each in read_back.dataset["annotations"])
    assert first["measurements"]["spacing"] == {"x_mm": 0.11, "y_mm": 0.13, "source": "DICOM ultrasound region 1"}
    assert (first["confidence"], first["abstain"], first["warning"], first["verdict"]) == (
        0.875,
        False,
        None,
        "accepted",
    )
    assert second["abstain"] is True and "below the threshold" in second["warning"]
    assert third["measurements"]["longest"] is None and third["abstain"] is None


def test_objects_of_one_name_are_one_category(findings: list[Finding], origin: Origin) -> None:
    told = to_coco([findings[1], findings[1]], origin, file_name="a", size_hw=(48, 64))
    assert len(told["categories"]) == 1
    assert {each["category_id"] for each in told["annotations"]} == {1}


def test_what_a_person_corrected_and_set_is_marked(corrected: Finding, origin: Origin) -> None:
    told = to_coco([corrected], origin, file_name="a", size_hw=(48, 64))
    attributes = told["annotations"][0]["attributes"]
    assert (attributes["corrected"], attributes["quality"], attributes["confidence"]) == (True, None, None)
    assert attributes["measurements"]["longest"]["by_hand"] is True
