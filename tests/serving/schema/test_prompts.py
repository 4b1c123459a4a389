"""The request's types take what the interface promises and refuse everything else."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from components.errors import PromptError
from components.masks import to_rle
from components.types import Point, Prompt
from serving.schema.prompts import MAX_COUNTS, MAX_OBJECTS, MAX_POINTS, PromptsIn


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


MASK = np.eye(6, 7, dtype=bool)


def asked(**changes: object) -> str:
    return json.dumps({"objects": [{"box": [0, 0, 1, 1]}, {"mask": {**to_rle(MASK), **changes}}]})


def test_a_previous_mask_is_decoded_once_the_images_size_is_known() -> None:
    given = PromptsIn.model_validate_json(asked())
    assert given.to_prompts((6, 7)) == [Prompt((0.0, 0.0, 1.0, 1.0)), Prompt(mask=MASK)]
    for size_hw in ((7, 6), (600_000, 700_000), None):
        with pytest.raises(PromptError, match="object 1"):
            given.to_prompts(size_hw)


def test_a_few_characters_for_a_huge_mask_take_no_memory() -> None:
    side_px = 1_000_000
    given = PromptsIn.model_validate_json(asked(size=[side_px, side_px], counts="0"))
    with pytest.raises(PromptError, match="object 1"):
        given.to_prompts((6, 7))
    with pytest.raises(PromptError, match="add up"):
        given.to_prompts((side_px, side_px))


@pytest.mark.parametrize(
    "changes",
    [
        {"size": [0, 7]},
        {"size": [6, -7]},
        {"size": [6.0, 7]},
        {"size": [6]},
        {"size": [6, 10**7]},
        {"size": ["6", 7]},
        {"counts": ""},
        {"counts": [1, 2]},
        {"counts": "0" * (MAX_COUNTS + 1)},
        {"order": "F"},
    ],
)
def test_a_mask_of_another_form_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PromptsIn.model_validate_json(asked(**changes))
