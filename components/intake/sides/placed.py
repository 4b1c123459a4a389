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


def sides_of_rows(frame: pd.DataFrame, images: Images) -> Sides:
    """The side that a split gives each row of the table (n).

    Raises
    ------
    LeakError
        If an image has no side, or two, or isn't there.
    """
    ids = pd.Series([images.ids[row] for row in range(images.count)], dtype="str")
    dataset = pd.Series([images.names[number] for number in images.dataset.tolist()], dtype="str")
    # No dataset's name has a slash.
    code, names = pd.factorize(pd.concat([frame["dataset"] + "/" + frame["image_id"], dataset + "/" + ids]))
    del ids, dataset
    given, own = code[: len(frame)], code[len(frame) :]
    if (twice := pd.Series(given).duplicated().to_numpy()).any():
        raise leak(f"{names[given[twice.argmax()]]} stands in the split twice", "one row an image")
    there = np.bincount(given, minlength=len(names)) + 2 * (np.bincount(own, minlength=len(names)) > 0)
    if (only := names[there != 3]).size:
        different = sorted(tuple(str(name).split("/", 1)) for name in only)
        raise leak(f"{len(different)} images are only in the split or only in the data: {different[:3]}", "the same")
    side_of: Sides = np.empty(len(names), dtype=np.int8)
    side_of[given] = pd.Categorical(frame["split"], categories=list(SPLITS)).codes
    return side_of[own]


def leak(found: str, expected: str) -> LeakError:
    """What is wrong with a split, and that it is made anew."""
    return LeakError(found, expected=expected, remedy="run the stage `split` again; don't edit its file by hand")
