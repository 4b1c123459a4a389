"""Files of outlines are what other programs read, and only of the image and the answer that they come from."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image as PilImage
from starlette.testclient import TestClient

from components.audit.reading import read
from components.masks import from_rle
from components.types import Image
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
