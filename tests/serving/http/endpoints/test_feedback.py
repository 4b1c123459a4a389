"""What became of an answer is entered, with how far the final mask is from the proposed one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from components.audit.reading import read
from components.masks import from_rle, to_rle
from serving.bedside import Bedside

SMALL = {"size": [9, 9], "counts": "a"}
"""A mask of another image's size."""


@pytest.fixture
def answer(client: TestClient, png: bytes) -> dict[str, Any]:
    """An answer about two objects."""
    prompts = {"objects": [{"box": [31, 16, 60, 45]}, {"box": [2, 3, 80, 50]}]}
    asked = client.post("/v1/segment", files={"image": png}, data={"prompts": json.dumps(prompts)})
    found: dict[str, Any] = asked.json()
    return found


def test_verdicts_and_edits_are_entered(
    client: TestClient, bedside: Bedside, answer: dict[str, Any], tmp_path: Path
) -> None:
    edited = from_rle(answer["objects"][1]["mask"])
    before = int(edited.sum())
    edited[:5] = ~edited[:5]
    objects = [
        {"index": 0, "verdict": "accepted"},
        {"index": 1, "verdict": "edited", "mask": to_rle(edited)},
    ]
    told = client.post("/v1/feedback", json={"prediction": answer["prediction"], "objects": objects})
    assert told.status_code == 200, told.text
    (found,) = list(read(tmp_path / "audit", kinds=("feedback",)))
    assert told.json() == {"prediction": answer["prediction"], "entry": found.line.n}
    entry = found.line.entry
    assert entry.kind == "feedback"
    first, second = entry.objects
    assert first.verdict == "accepted" and first.edit is None
    assert second.edit is not None and second.edit.changed_share == 5 * 90 / edited.size
    both = int((from_rle(answer["objects"][1]["mask"]) & edited).sum())
    assert second.edit.dice == pytest.approx(2 * both / (before + int(edited.sum())))
    assert bedside.records is not None and bedside.records.signals.counts.added == 5


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"prediction": "0" * 32}, 410, "prediction_gone"),
        ({"prediction": "x"}, 422, "feedback_invalid"),
        ({"objects": []}, 422, "feedback_invalid"),
        ({"objects": [{"index": 2, "verdict": "accepted"}]}, 422, "prompts_invalid"),
        ({"objects": [{"index": 0, "verdict": "fine"}]}, 422, "feedback_invalid"),
        ({"objects": [{"index": 0, "verdict": "edited"}]}, 422, "feedback_invalid"),
        (
            {"objects": [{"index": 0, "verdict": "accepted"}, {"index": 0, "verdict": "rejected"}]},
            422,
            "feedback_invalid",
        ),
        (
            {"objects": [{"index": 0, "verdict": "edited", "mask": {"size": [9, 9], "counts": "a"}}]},
            422,
            "prompts_invalid",
        ),
    ],
)
def test_bad_feedback_is_refused_and_nothing_is_entered(
    client: TestClient, answer: dict[str, Any], tmp_path: Path, change: dict[str, object], status: int, code: str
) -> None:
    given = {"prediction": answer["prediction"], "objects": [{"index": 0, "verdict": "accepted"}]} | change
    refused = client.post("/v1/feedback", json=given)
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code), refused.text
    assert not list(read(tmp_path / "audit", kinds=("feedback",)))


def test_the_body_is_bounded_json(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    for body, status, code in (
        (b"{", 400, "feedback_not_json"),
        (b"[" * 60_000, 413, "feedback_too_large"),
        (b'{"prediction": NaN}', 422, "feedback_invalid"),
    ):
        refused = client.post("/v1/feedback", content=body, headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (status, code), refused.text
    refused = client.post("/v1/feedback", content=b"{}", headers={"content-type": "text/plain"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (415, "not_json")


def test_an_empty_final_mask_is_an_edit(client: TestClient, answer: dict[str, Any]) -> None:
    empty = to_rle(np.zeros((60, 90), dtype=bool))
    objects = [{"index": 0, "verdict": "edited", "mask": empty}]
    told = client.post("/v1/feedback", json={"prediction": answer["prediction"], "objects": objects})
    assert told.status_code == 200, told.text
