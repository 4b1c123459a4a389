"""The shared nouns can't be changed under anybody's feet, and have sensible emptiness."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import numpy as np
import pytest

from components.types import Fault, ObjectTruth, Point, Prompt, Record


def test_a_point_is_positive_unless_said_otherwise() -> None:
    assert Point(1.0, 2.0).positive
    assert not Point(1.0, 2.0, positive=False).positive


def test_nouns_are_frozen() -> None:
    point = Point(1.0, 2.0)
    with pytest.raises(FrozenInstanceError):
        point.x = 3.0  # type: ignore[misc]


def test_equal_prompts_are_equal_and_hash_alike() -> None:
    one = Prompt(box_xyxy=(0.0, 0.0, 4.0, 4.0), points=(Point(1.0, 1.0),))
    other = Prompt(box_xyxy=(0.0, 0.0, 4.0, 4.0), points=(Point(1.0, 1.0),))
    assert one == other and hash(one) == hash(other)
    assert Prompt() == Prompt(box_xyxy=None, points=())


def test_a_record_without_annotations_is_complete() -> None:
    record = Record("busi", "a", "g", "internal", Path("a.png"), Path("m.png"), 4, 6, "md5", phantom=True)
    assert record.objects == () and record.flags == ()
    assert record.spacing_mm is None and record.official_split is None


def test_fields_carry_units_and_axes_in_their_names() -> None:
    assert {"height_px", "width_px", "spacing_mm"} <= {field.name for field in fields(Record)}
    assert {"box_xyxy", "area_px"} <= {field.name for field in fields(ObjectTruth)}
    assert {"found", "expected", "remedy", "file", "dataset"} <= {field.name for field in fields(Fault)}


def test_masks_decide_about_equal_prompts_by_their_pixels() -> None:
    mask = np.zeros((3, 4), dtype=bool)
    moved = mask.copy()
    moved[1, 1] = True
    one, same, other = (Prompt(mask=each) for each in (mask, mask.copy(), moved))
    assert one == same and hash(one) == hash(same)
    assert one not in (other, Prompt(), Prompt(mask=mask[:2]), Prompt((0.0, 0.0, 1.0, 1.0), mask=mask))
    assert len({one, same, other}) == 2
