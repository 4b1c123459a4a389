"""Files of outlines are what other programs read, and only of the image and the answer that they come from."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image as PilImage
from pycocotools import mask as coco_mask
from starlette.testclient import TestClient

from components.audit.reading import read
from components.masks import checked_runs, from_rle, to_rle
from components.types import Image
from serving.access.callers import Caller
from serving.http.endpoints import export as export_endpoint
from tests.serving.scans import PATIENT, cine

FRAME = 1


@pytest.fixture
def scan(image: Image) -> bytes:
    """A DICOM of three frames, calibrated."""
    return cine(image, frames=3, mm=(0.2, 0.1))


@pytest.fixture
def answer(client: TestClient, scan: bytes) -> dict[str, Any]:
    """An answer about its second frame."""
    fields = {"prompts": json.dumps({"objects": [{"box": [31, 16, 60, 45]}]}), "frame": str(FRAME)}
    found: dict[str, Any] = client.post("/v1/segment", files={"image": scan}, data=fields).json()
    return found


def export(
    client: TestClient, kind: str, answer: dict[str, Any], *, data: bytes | None, frame: int = FRAME, **change: object
) -> httpx.Response:
    """POST /v1/export of the answer's object."""
    one = {"name": "lesion", "mask": answer["objects"][0]["mask"], "prediction": answer["prediction"], "index": 0}
    fields = {"format": kind, "frame": str(frame), "objects": json.dumps({"objects": [one | change]})}
    files = {"image": ("JANE_DOE.dcm", data)} if data is not None else {"none": ("", b"")}
    return client.post("/v1/export", files=files, data=fields)


def test_each_format_holds_the_mask_and_says_where_it_comes_from(
    client: TestClient, scan: bytes, answer: dict[str, Any], tmp_path: Path
) -> None:
    mask = from_rle(answer["objects"][0]["mask"])
    made = {kind: export(client, kind, answer, data=scan) for kind in ("coco", "mask", "overlay", "seg", "sr")}
    for kind, response in made.items():
        assert response.status_code == 200, (kind, response.text)
        assert "JANE" not in str(response.headers) and "attachment" in response.headers["content-disposition"]
    coco = made["coco"].json()
    np.testing.assert_array_equal(from_rle(coco["annotations"][0]["segmentation"]), mask)
    assert coco["images"][0]["frame"] == FRAME and coco["info"]["model"]["digest"] == answer["model"]["digest"]
    picture = PilImage.open(io.BytesIO(made["mask"].content))
    np.testing.assert_array_equal(np.asarray(picture) == 255, mask)
    assert picture.text["sonoforge:prediction"] == answer["prediction"]
    assert PilImage.open(io.BytesIO(made["overlay"].content)).width >= 90
    segmentation = pydicom.dcmread(io.BytesIO(made["seg"].content))
    np.testing.assert_array_equal(segmentation.pixel_array.reshape(mask.shape).astype(bool), mask)
    assert (
        segmentation.PatientName == PATIENT and segmentation.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    )
    report = pydicom.dcmread(io.BytesIO(made["sr"].content))
    assert report.Modality == "SR" and answer["model"]["digest"][:12] in report.to_json()
    entries = [found.line.entry for found in read(tmp_path / "audit", kinds=("export",))]
    assert [entry.format for entry in entries if entry.kind == "export"] == list(made)
    log = "".join(path.read_text() for path in (tmp_path / "audit").glob("*.jsonl"))
    assert "JANE" not in log and "lesion" not in log


def measured(response: httpx.Response) -> dict[str, Any]:
    """What a COCO file says was measured of its object."""
    found: dict[str, Any] = response.json()["annotations"][0]["attributes"]["measurements"]
    return found


def outlined(client: TestClient, scan: bytes, box: list[int]) -> dict[str, Any]:
    """An answer about a box on the first frame."""
    fields = {"prompts": json.dumps({"objects": [{"box": box}]})}
    answer: dict[str, Any] = client.post("/v1/segment", files={"image": scan}, data=fields).json()
    return answer


def numbers(report: bytes) -> dict[str, tuple[float, str]]:
    """By name the values and units in a structured report."""
    found = {}
    for each in pydicom.dcmread(io.BytesIO(report)).iterall():
        if each.keyword == "ContentSequence":
            for item in each.value:
                if item.ValueType == "NUM":
                    (value,) = item.MeasuredValueSequence
                    unit = value.MeasurementUnitsCodeSequence[0].CodeValue
                    found[item.ConceptNameCodeSequence[0].CodeMeaning] = (float(value.NumericValue), unit)
    return found


@pytest.mark.parametrize("curve", [(0, 0, 90, 60), (33, 18, 40, 30), (0, 0, 32, 17)])
def test_a_file_measures_as_the_answer_did(client: TestClient, image: Image, curve: tuple[int, int, int, int]) -> None:
    scan = cine(image, frames=1, mm=(0.2, 0.1), curve=curve)
    answer = outlined(client, scan, [31, 16, 60, 45])
    told = answer["objects"][0]["measurements"]
    assert (told["spacing"], told["area_mm2"]) == (None, None), "a curve covers part of the box"
    assert "it isn't a two-dimensional picture" in told["why"]
    assert [region["x_mm"] for region in answer["image"]["regions"]] == [pytest.approx(0.2), None]
    assert answer["image"]["regions"][1]["why"] == "it isn't a two-dimensional picture"
    assert measured(export(client, "coco", answer, data=scan, frame=0)) == told
    report = numbers(export(client, "sr", answer, data=scan, frame=0).content)
    assert report["Area"] == (told["area_px"], "{pixels}") and report["Long axis"][1] == "{pixels}"


def test_a_calibrated_file_measures_as_the_answer_did(client: TestClient, scan: bytes, answer: dict[str, Any]) -> None:
    told = answer["objects"][0]["measurements"]
    assert told["spacing"]["source"] == "DICOM ultrasound region 1"
    assert measured(export(client, "coco", answer, data=scan)) == told


@pytest.mark.parametrize("verdict", [None, "accepted", "edited", "rejected"])
def test_another_mask_has_no_confidence_of_the_models(
    client: TestClient, scan: bytes, answer: dict[str, Any], verdict: str | None, tmp_path: Path
) -> None:
    mask = from_rle(answer["objects"][0]["mask"])
    mask[0:4, 0:4] ^= True
    change: dict[str, Any] = {"mask": to_rle(mask), "verdict": verdict}
    said = export(client, "coco", answer, data=scan, **change).json()["annotations"][0]["attributes"]
    assert (said["verdict"], said["corrected"]) == ("edited", True)
    assert (said["quality"], said["confidence"], said["abstain"], said["warning"]) == (None, None, None, None)
    report = export(client, "sr", answer, data=scan, **change).content
    assert b"manually corrected" in report and "Confidence of outline, an expected IoU" not in numbers(report)
    segmentation = pydicom.dcmread(io.BytesIO(export(client, "seg", answer, data=scan, **change).content))
    assert "manually corrected" in segmentation.SegmentSequence[0].SegmentDescription
    assert segmentation.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    entries = [found.line.entry for found in read(tmp_path / "audit", kinds=("export",))]
    assert [one.verdict for entry in entries if entry.kind == "export" for one in entry.objects] == ["edited"] * 3


def test_the_same_mask_in_other_words_is_the_same(client: TestClient, scan: bytes, answer: dict[str, Any]) -> None:
    mask = answer["objects"][0]["mask"]
    # A last run of no pixels changes the text and nothing else.
    padded = [*checked_runs(mask, tuple(mask["size"])).tolist(), 0]
    counts = coco_mask.frPyObjects({"size": mask["size"], "counts": padded}, *mask["size"])["counts"].decode()
    runs = {**mask, "counts": counts}
    assert runs["counts"] != mask["counts"]
    said = export(client, "coco", answer, data=scan, mask=runs, verdict="accepted").json()["annotations"][0]
    assert (said["attributes"]["verdict"], said["attributes"]["corrected"]) == ("accepted", False)
    assert said["attributes"]["quality"] == answer["objects"][0]["quality"]


def test_a_diameter_that_a_person_set_leaves_as_it_was_set(
    client: TestClient, scan: bytes, answer: dict[str, Any]
) -> None:
    told = answer["objects"][0]["measurements"]
    line = {"from": [30.5, 10.0], "to": [30.5, 50.0]}
    made = measured(export(client, "coco", answer, data=scan, longest=line))
    assert made["longest"] == {**line, "px": 40.0, "mm": pytest.approx(4.0), "by_hand": True}
    assert (made["perpendicular"], made["area_mm2"]) == (told["perpendicular"], told["area_mm2"])
    report = numbers(export(client, "sr", answer, data=scan, longest=line).content)
    assert report["Long axis"] == (pytest.approx(4.0), "mm")
    assert report["Short axis"] == (pytest.approx(told["perpendicular"]["mm"]), "mm")


def test_a_diameter_set_into_a_curve_has_no_millimetres(client: TestClient, image: Image) -> None:
    scan = cine(image, frames=1, mm=(0.2, 0.1), curve=(0, 0, 90, 2))
    answer = outlined(client, scan, [31, 16, 60, 45])
    mask = np.zeros((60, 90), dtype=bool)
    mask[20:40, 35:55] = True
    change: dict[str, Any] = {"data": scan, "frame": 0, "mask": to_rle(mask)}
    inside = measured(export(client, "coco", answer, **change, perpendicular={"from": [35, 2], "to": [55, 40]}))
    assert inside["area_mm2"] == pytest.approx(8.0) and inside["perpendicular"]["mm"] == pytest.approx(5.517, abs=1e-3)
    made = measured(export(client, "coco", answer, **change, perpendicular={"from": [35, 1.5], "to": [55, 40]}))
    assert (made["area_mm2"], made["longest"]["mm"], made["perpendicular"]["mm"]) == (None, None, None)
    assert "it isn't a two-dimensional picture" in made["why"]


def test_the_report_names_who_exported(
    client: TestClient, scan: bytes, answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert b"121008" not in export(client, "sr", answer, data=scan).content, "nobody is known"
    monkeypatch.setattr(export_endpoint, "caller_of", lambda request: Caller(who="anna", role="use", auth="token"))
    report = export(client, "sr", answer, data=scan).content
    (person,) = (each.value for each in pydicom.dcmread(io.BytesIO(report)).iterall() if each.keyword == "PersonName")
    assert str(person) == "anna^"


def test_a_comb_is_exported_in_little_time(client: TestClient) -> None:
    grey = np.zeros((400, 400, 3), dtype=np.uint8)
    scan = cine(grey, frames=1)
    answer = outlined(client, scan, [100, 100, 300, 300])
    comb = np.zeros((400, 400), dtype=bool)
    comb[:, ::2] = comb[-1] = True
    for kind in ("coco", "overlay", "sr"):
        start = time.process_time()
        response = export(client, kind, answer, data=scan, frame=0, mask=to_rle(comb))
        assert response.status_code == 200, response.text
        assert time.process_time() - start < 5


def test_without_the_image_masks_can_leave_and_pictures_cannot(
    client: TestClient, answer: dict[str, Any], scan: bytes
) -> None:
    assert export(client, "coco", answer, data=None).status_code == 200
    assert export(client, "mask", answer, data=None).status_code == 200
    refused = export(client, "overlay", answer, data=None)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "image_missing")


def test_an_outline_never_leaves_beside_another_image(
    client: TestClient, answer: dict[str, Any], scan: bytes, image: Image, png: bytes
) -> None:
    other = image.copy()
    other[0, 0] ^= 1
    for data, frame in ((scan, 0), (cine(other, frames=3, mm=(0.2, 0.1)), 1), (cine(image, frames=3), 1), (png, 0)):
        refused = export(client, "overlay", answer, data=data, frame=frame)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "image_other")
    assert export(client, "overlay", answer, data=scan).status_code == 200


def test_dicom_needs_a_dicom(client: TestClient, png: bytes) -> None:
    prompts = json.dumps({"objects": [{"box": [31, 16, 60, 45]}]})
    answer = client.post("/v1/segment", files={"image": png}, data={"prompts": prompts}).json()
    for kind in ("seg", "sr"):
        refused = export(client, kind, answer, data=png, frame=0)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "not_dicom")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"prediction": "0" * 32}, 410, "prediction_gone"),
        ({"index": 1}, 422, "prompts_invalid"),
        ({"mask": {"size": [1, 1], "counts": "1"}}, 422, "prompts_invalid"),
        ({"name": "x" * 201}, 422, "export_invalid"),
        ({"verdict": "good"}, 422, "export_invalid"),
        ({"other": 1}, 422, "export_invalid"),
        ({"longest": {"from": [0, 0], "to": [91, 5]}}, 422, "prompts_invalid"),
        ({"perpendicular": {"from": [0, -0.1], "to": [9, 5]}}, 422, "prompts_invalid"),
        ({"longest": {"from": [5, 5], "to": [5, 5]}}, 422, "prompts_invalid"),
        ({"longest": {"from": [5, 5]}}, 422, "export_invalid"),
        ({"longest": {"from": [5, 5], "to": [1e9, 5]}}, 422, "export_invalid"),
        (
            {"mask": to_rle(np.zeros((60, 90), dtype=bool)), "longest": {"from": [0, 0], "to": [9, 5]}},
            422,
            "prompts_invalid",
        ),
    ],
)
def test_bad_exports_are_refused(
    client: TestClient, answer: dict[str, Any], change: dict[str, object], status: int, code: str
) -> None:
    refused = export(client, "coco", answer, data=None, **change)
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code), refused.text


def test_the_format_is_one_of_five(client: TestClient, answer: dict[str, Any]) -> None:
    for kind in ("", "pdf", "SEG"):
        refused = export(client, kind, answer, data=None)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "export_invalid")
