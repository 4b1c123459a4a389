"""A split's sides by row of the table, and what is no split of these images."""

from __future__ import annotations

import pandas as pd
import pytest

from components.errors import LeakError
from components.intake.form.records import SPLITS
from components.intake.sides.images import Images
from components.intake.sides.placed import sides_of_rows
from tests.components.intake.test_split import records_of

IMAGES = Images({"a": records_of("a", [1, 1, 1]), "b": records_of("b", [1])})
FRAME = pd.DataFrame(
    {
        "dataset": ["b", "a", "a", "a"],
        "image_id": ["0_0", "2_0", "0_0", "1_0"],
        "group": "g",
        "split": ["val", "test", "train", "val"],
    }
)


def test_rows_of_the_table_get_their_sides_whatever_the_order_of_the_split() -> None:
    assert [SPLITS[side] for side in sides_of_rows(FRAME, IMAGES)] == ["train", "val", "test", "val"]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.concat([FRAME, FRAME.iloc[1:2]]), r"a/2_0 stands in the split twice"),
        (FRAME.iloc[2:], r"2 images are only in the split or only in the data: \[\('a', '2_0'\), \('b', '0_0'\)\]"),
        (FRAME.assign(image_id=["0_0", "2_0", "x/y", "1_0"]), r"2 images .*: \[\('a', '0_0'\), \('a', 'x/y'\)\]"),
    ],
)
def test_a_split_of_other_images_is_refused(frame: pd.DataFrame, words: str) -> None:
    with pytest.raises(LeakError, match=words):
        sides_of_rows(frame, IMAGES)
