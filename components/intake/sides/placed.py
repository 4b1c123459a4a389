"""A split, to the side of each row of the table of images: whether it is a split of these images at all.

Leaves out: whether anything crosses from one side to another (components/intake/split.py).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from components.errors import LeakError
from components.intake.form.records import SPLITS
from components.intake.sides.assignment import Sides
from components.intake.sides.images import Images
from components.texts import Equals


def sides_of_rows(frame: pd.DataFrame, images: Images) -> Sides:
    """The side that a split gives each row of the table (n).

    Raises
    ------
    LeakError
        If an image has no side, or two, or isn't there.
    """
    keys = Equals("/".join(key) for key in zip(frame["dataset"], frame["image_id"], strict=True))
    for row in range(images.count):
        keys.add("/".join(images.key(row)))
    code = keys.numbers()
    given, own = code[: len(frame)], code[len(frame) :]
    of_given, of_own = (np.bincount(part, minlength=keys.different()) for part in (given, own))
    if (of_given > 1).any():
        first = frame.iloc[int((of_given[given] > 1).argmax())]
        raise leak(f"{first['dataset']}/{first['image_id']} stands in the split twice", "one row an image")
    if ((of_given > 0) != (of_own > 0)).any():
        only = frame.loc[of_own[given] == 0, ["dataset", "image_id"]].itertuples(index=False, name=None)
        different = sorted([*only, *(images.key(row) for row in np.flatnonzero(of_given[own] == 0).tolist())])
        raise leak(f"{len(different)} images are only in the split or only in the data: {different[:3]}", "the same")
    side_of: Sides = np.empty(len(of_given), dtype=np.int8)
    side_of[given] = pd.Categorical(frame["split"], categories=list(SPLITS)).codes
    return side_of[own]


def leak(found: str, expected: str) -> LeakError:
    """What is wrong with a split, and that it is made anew."""
    return LeakError(found, expected=expected, remedy="run the stage `split` again; don't edit its file by hand")
