"""What an answer says of a frame: its number, its scale, millimetres; and that it is on record before it is given."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from components.audit.log import AuditLog
from components.audit.reading import read
from components.errors import AuditError
from components.masks import from_rle
from components.types import Image
from serving.bedside import Bedside
from tests.serving.scans import cine

BOX = {"objects": [{"box": [31, 16, 60, 45]}]}


def ask(client: TestClient, data: bytes | None, prompts: object = BOX, **fields: str) -> httpx.Response:
    """POST /v1/segment."""
    files = {"image": ("scan.dcm", data)} if data is not None else {"none": ("", b"")}
    return client.post("/v1/segment", files=files, data={"prompts": json.dumps(prompts), **fields})


def test_each_frame_is_answered_by_itself(client: TestClient, image: Image) -> None:
    data = cine(image, frames=3)
    answers = [ask(client, data, frame=str(frame)).json() for frame in range(3)]
    assert [(one["image"]["frame"], one["image"]["frames"]) for one in answers] == [(0, 3), (1, 3), (2, 3)]
    assert len({one["image"]["id"] for one in answers}) == 3
    assert len({one["objects"][0]["mask"]["counts"] for one in answers}) == 3, "the frames differ"
    by_id = ask(client, None, image_id=answers[2]["image"]["id"]).json()
    assert by_id["objects"] == answers[2]["objects"] and by_id["image"] == answers[2]["image"]
    for frame, code in (
        ("3", "frame_outside"),
        ("-1", "frame_outside"),
        ("x", "frame_outside"),
        ("1.0", "frame_outside"),
    ):
        refused = ask(client, data, frame=frame)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, code), frame


def test_millimetres_come_from_the_region_that_holds_the_box(client: TestClient, image: Image) -> None:
    answer = ask(client, cine(image, frames=1, mm=(0.2, 0.1))).json()
    (region,) = answer["image"]["regions"]
    assert (region["x_mm"], region["y_mm"]) == pytest.approx((0.2, 0.1)) and "region 1" in region["source"]
    (found,) = answer["objects"]
    measured = found["measurements"]
    assert measured["area_px"] == found["area_px"] > 0
    assert measured["area_mm2"] == pytest.approx(found["area_px"] * 0.02)
    longest = measured["longest"]
    (x0, y0), (x1, y1) = longest["from"], longest["to"]
    assert longest["mm"] == pytest.approx(np.hypot((x1 - x0) * 0.2, (y1 - y0) * 0.1))
    assert measured["spacing"]["source"] == region["source"] and measured["why"] is None
    plain = ask(client, cine(image, frames=1)).json()
    assert plain["image"]["regions"] == [] and plain["image"]["id"] != answer["image"]["id"]
    found = plain["objects"][0]["measurements"]
    assert found["area_mm2"] is None and found["longest"]["mm"] is None and found["why"]


def test_a_previous_mask_is_a_prompt(client: TestClient, png: bytes) -> None:
    first = ask(client, png).json()
    mask = first["objects"][0]["mask"]
    again = ask(client, None, {"objects": [{"mask": mask}]}, image_id=first["image"]["id"])
    assert again.status_code == 200 and again.json()["objects"][0]["mask"] != mask
    for wrong in ({"size": [60, 91], "counts": mask["counts"]}, {"size": [60, 90], "counts": "0"}):
        refused = ask(client, None, {"objects": [{"mask": wrong}]}, image_id=first["image"]["id"])
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "prompts_invalid")


def test_an_answer_is_in_the_log_and_its_signals_beside_it(
    client: TestClient, bedside: Bedside, png: bytes, tmp_path: Path
) -> None:
    answer = ask(client, png, {"objects": [{"box": [31, 16, 60, 45]}, {"points": [{"x": 9, "y": 9}]}]}).json()
    (found,) = list(read(tmp_path / "audit", kinds=("prediction",)))
    entry = found.line.entry
    assert entry.kind == "prediction" and entry.prediction == answer["prediction"]
    assert entry.model.digest == answer["model"]["digest"] and entry.image.id == answer["image"]["id"]
    assert [each.area_px for each in entry.objects] == [each["area_px"] for each in answer["objects"]]
    assert entry.objects[0].prompt.box == (31, 16, 60, 45) and entry.objects[1].prompt.points[0].positive
    assert bedside.records is not None
    assert bedside.records.signals.counts.added == 3, "an image and two outlines"
    log = (tmp_path / "audit").glob("*.jsonl")
    assert all(answer["objects"][0]["mask"]["counts"] not in one.read_text() for one in log)


def test_what_cannot_be_entered_is_not_given(client: TestClient, png: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise AuditError("/somewhere: the disk is full", expected="room", remedy="make room")

    monkeypatch.setattr(AuditLog, "append", full)
    refused = ask(client, png)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not_recorded")
    assert refused.headers["retry-after"] and "counts" not in refused.text
    assert "disk" not in refused.text, "where the log lies, and what is wrong with it, is for those who run it"


def test_masks_in_answers_are_their_rle(client: TestClient, png: bytes) -> None:
    (found,) = ask(client, png).json()["objects"]
    assert int(from_rle(found["mask"]).sum()) == found["area_px"]
