"""What can't be distilled is known before anything is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.errors import ParamsError
from components.params import load_params, parse_params
from components.training.ahead import check_distillation


def changed(root: Path, changes: dict[str, Any]) -> dict[str, Any]:
    """The project's parameters with some changed, by dotted keys."""
    raw: dict[str, Any] = load_params(root / "params.yaml").model_dump(mode="json")
    raw["model"]["image_size_px"] = 64
    for key, value in changes.items():
        *sections, last = key.split(".")
        section = raw
        for name in sections:
            section = section[name]
        section[last] = value
    return raw


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"student.name": "rep_mini", "distil.machine.checkpointing": True}, r"machine\.checkpointing is set"),
        ({"student.name": "rep_mini", "student.adapter.variant": "as_released"}, "'as_released' on a trunk"),
        ({"student.adapter.variant": "none"}, "has no adapters"),
        ({"student.decoder.width": 64, "distil.mask_weight": 0.0}, r"student\.decoder has other sizes"),
        ({"teacher.adapter.variant": "none"}, "has no adapters"),
    ],
)
def test_what_the_student_cannot_be_is_refused(root: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ParamsError, match=says):
        check_distillation(parse_params(changed(root, changes), origin="test"))


@pytest.mark.parametrize("name", ["hiera_mini", "rep_mini"])
def test_what_it_can_be_is_not(root: Path, name: str) -> None:
    check_distillation(parse_params(changed(root, {"student.name": name}), origin="test"))
