"""Golden cases are those that an endpoint can be asked, with the masks that were scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PilImage

from components.errors import ReleaseError
from components.evaluation.scoring.cases import prompt_to_json
from components.masks import from_rle, to_rle
from components.release.packing.golden import agreement, choose_golden, write_golden
from components.types import ObjectTruth, Point, Prompt, Record

SIZE_HW = (6, 8)


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Three images of noise."""
    made = []
    for index in range(3):
        path = tmp_path / f"{index}.png"
        PilImage.fromarray(np.random.default_rng(index).integers(0, 255, (*SIZE_HW, 3), dtype=np.uint8)).save(path)
        thing = ObjectTruth(1, "lesion", (1, 1, 3, 3), 4)
        made.append(Record("busi", str(index), "g", "internal", path, path, *SIZE_HW, "m", True, (thing,)))
    return made


def row(image_id: int, prompt: Prompt, mask: np.ndarray, who: str = "student") -> dict[str, object]:
    return {
        "case_id": f"busi/{image_id}/1",
        "dataset": "busi",
        "image_id": str(image_id),
        "prompt": "box",
        "prompt_json": prompt_to_json(prompt),
        "model": who,
        "height_px": SIZE_HW[0],
        "width_px": SIZE_HW[1],
        "mask_counts": to_rle(mask)["counts"],
    }


def square(size_px: int) -> np.ndarray:
    mask = np.zeros(SIZE_HW, dtype=bool)
    mask[:size_px, :size_px] = True
    return mask


def test_the_first_images_with_their_prompts_and_masks(records: list[Record], tmp_path: Path) -> None:
    box, click = Prompt((0.0, 0.0, 4.0, 4.0)), Prompt(points=(Point(1.0, 2.0, False),))
    cases = pd.DataFrame(
        [
            row(2, box, square(1)),
            row(1, box, square(2)),
            row(0, Prompt(), square(3)),
            row(0, click, square(4)),
            row(0, box, square(5), who="teacher"),
        ]
    )
    chosen = choose_golden(cases, records, per_dataset=2)
    assert [(one.image_id, [case.prompt for case in one.cases]) for one in chosen] == [("0", [click]), ("1", [box])]
    np.testing.assert_array_equal(chosen[0].cases[0].mask, square(4))
    write_golden(tmp_path / "golden", chosen)
    listed = json.loads((tmp_path / "golden/cases.json").read_text())["images"]
    for golden, about in zip(chosen, listed, strict=True):
        np.testing.assert_array_equal(np.asarray(PilImage.open(tmp_path / "golden" / about["file"])), golden.image)
        np.testing.assert_array_equal(from_rle(about["cases"][0]["mask"]), golden.cases[0].mask)
    assert listed[0]["cases"][0]["prompt"]["points"] == [{"x": 1.0, "y": 2.0, "positive": False}]


def test_nothing_to_ask_and_images_that_nobody_holds_are_named(records: list[Record]) -> None:
    cases = pd.DataFrame([row(0, Prompt(), square(3)), row(7, Prompt((0.0, 0.0, 4.0, 4.0)), square(1))])
    for empty in (cases[:1], cases[:0]):
        with pytest.raises(ReleaseError, match="hold no prompt of student") as caught:
            choose_golden(empty, records, per_dataset=2)
    with pytest.raises(ReleaseError, match="the image 7 of busi, which no manifest holds"):
        choose_golden(cases, records, per_dataset=2)
    assert "dvc repro" in caught.value.remedy


def test_the_worst_case_counts_and_two_empty_masks_agree() -> None:
    empty = np.zeros(SIZE_HW, dtype=bool)
    assert agreement([]).cases == 0
    same = agreement([(square(2), square(2)), (empty, empty)])
    assert (same.cases, same.worst_share, same.worst_dice_difference) == (2, 0.0, 0.0)
    found = agreement([(square(2), square(3)), (square(4), square(4)), (empty, square(1))])
    assert found.worst_share == 5 / 48 and found.worst_dice_difference == 1.0
