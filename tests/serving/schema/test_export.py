"""Masks that clients send are bounded wherever they are sent."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from serving.schema.export import ExportedIn
from serving.schema.feedback import JudgementIn
from serving.schema.prompts import MAX_COUNTS

PREDICTION = "0" * 32


def test_run_lengths_have_a_longest() -> None:
    for counts, fits in (("0" * MAX_COUNTS, True), ("0" * (MAX_COUNTS + 1), False), ("", False)):
        mask = {"size": [9000, 9000], "counts": counts}
        exported = {"name": "a", "mask": mask, "prediction": PREDICTION, "index": 0}
        judged = {"index": 0, "verdict": "edited", "mask": mask}
        for kind, given in ((ExportedIn, exported), (JudgementIn, judged)):
            if fits:
                kind.model_validate_json(json.dumps(given))
                continue
            with pytest.raises(ValidationError, match="counts"):
                kind.model_validate_json(json.dumps(given))


def test_a_diameter_has_two_ends_of_numbers() -> None:
    given = {"name": "a", "mask": {"size": [9, 9], "counts": "0"}, "prediction": PREDICTION, "index": 0}
    line = {"from": [1, 2.5], "to": [3, 4]}
    taken = ExportedIn.model_validate_json(json.dumps(given | {"longest": line}))
    assert taken.longest is not None and (taken.longest.start, taken.longest.end) == ((1, 2.5), (3, 4))
    assert taken.perpendicular is None
    for wrong in (
        {"from": [1, 2]},
        line | {"px": 3},
        {"from": [1], "to": [3, 4]},
        {"from": [1, float("nan")], "to": [3, 4]},
    ):
        with pytest.raises(ValidationError):
            ExportedIn.model_validate_json(json.dumps(given | {"longest": wrong}))
