"""The request's types take what the interface promises and refuse everything else."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from components.types import Point, Prompt
from serving.schema.prompts import MAX_OBJECTS, MAX_POINTS, PromptsIn


def test_boxes_and_points_become_prompts() -> None:
    text = (
        '{"objects": [{"box": [1, 2.5, 30, 40]}, {"points": [{"x": 3, "y": 4}, {"x": 5, "y": 6, "positive": false}]}]}'
    )
    assert PromptsIn.model_validate_json(text).to_prompts() == [
        Prompt((1.0, 2.5, 30.0, 40.0)),
        Prompt(None, (Point(3.0, 4.0, True), Point(5.0, 6.0, False))),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"objects": []}',
        '{"objects": [{"box": [1, 2, 3]}]}',
        '{"objects": [{"box": [1, 2, 3, "4"]}]}',
        '{"objects": [{"box": [1, 2, 3, NaN]}]}',
        '{"objects": [{"box": [1, 2, 3, Infinity]}]}',
        '{"objects": [{"box": [1, 2, 3, 1e400]}]}',
        '{"objects": [{"box": [1, 2, 3, 1e9]}]}',
        '{"objects": [{"box": [1, 2, 3, true]}]}',
        '{"objects": [{"points": [{"x": 1}]}]}',
        '{"objects": [{"points": [{"x": 1, "y": 2, "positive": 1}]}]}',
        '{"objects": [{"box": [1, 2, 3, 4], "colour": "red"}]}',
        '{"objects": [{"box": [1, 2, 3, 4]}], "more": 1}',
        '{"objects": [{"box": [1, 2, 3, ' + "9" * 6000 + "]}]}",
        "[" * 5000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        PromptsIn.model_validate_json(text)


def test_objects_and_points_are_bounded() -> None:
    box, point = {"box": [0, 0, 1, 1]}, {"x": 0, "y": 0}
    most = {"objects": [box] * (MAX_OBJECTS - 1) + [{"points": [point] * MAX_POINTS}]}
    assert len(PromptsIn.model_validate_json(json.dumps(most)).objects) == MAX_OBJECTS
    for over in ({"objects": [box] * (MAX_OBJECTS + 1)}, {"objects": [{"points": [point] * (MAX_POINTS + 1)}]}):
        with pytest.raises(ValidationError):
            PromptsIn.model_validate_json(json.dumps(over))
