"""Facts and images of one dataset to its near copies: for each image the others that show the same speckle.

Only pairs of different groups are looked for: those of one group are known to belong together. Leaves out: equal
pixels (the rule `exact_copy`), other datasets, and joining anything (relatives.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from components.contract import Contract
from components.errors import ImageError
from components.intake.layouts import Case
from components.intake.likeness.fine_structure import MIN_CORRELATION, Fine, fine_structure, largest_correlation
from components.intake.likeness.shared_keys import pairs_sharing_keys
from components.intake.measuring.pixels import read_case

COLUMN = "near_copy_of"


def with_near_copies(facts: pd.DataFrame, cases: Sequence[Case], contract: Contract) -> pd.DataFrame:
    """The facts, `near_copy_of` filled: the files that a row's image is a near copy of, or no text.

    `cases` are those of the rows, in their order.
    """
    told: list[list[str]] = [[] for _ in cases]
    files, digests = facts["image_file"].tolist(), facts["pixels_md5"].tolist()

    @lru_cache(maxsize=2048)  # 100 KB each at most, so 200 MB
    def fine(row: int, level: int | None) -> Fine:
        image = read_case(cases[row], contract).image
        if image is None:
            raise ImageError(
                f"{files[row]} can't be decoded any more", expected="the image of its hash", remedy="restore the file"
            )
        return fine_structure(image, level)

    for i, j in _candidates(facts):
        if digests[i] == digests[j]:
            continue
        longest = int(facts["long_side_px"].iloc[[i, j]].max())
        try:
            agreed = largest_correlation(partial(fine, i), partial(fine, j), longest_side_px=longest)
        except ImageError:  # its facts are of an earlier try, or it was removed just now: nothing is told of it
            continue
        if agreed >= MIN_CORRELATION:
            told[i].append(files[j])
            told[j].append(files[i])
    texts = pd.Series([", ".join(others) for others in told], index=facts.index, dtype="string")
    return facts.assign(**{COLUMN: texts})


def _candidates(facts: pd.DataFrame) -> list[tuple[int, int]]:
    groups = pd.factorize(facts["group"])[0].astype(np.int64)
    hashes = [None if pd.isna(one) else str(one) for one in facts["perceptual_hash"]]
    pairs = {(int(i), int(j)) for found in pairs_sharing_keys(hashes, groups) for i, j in found}
    return sorted(pairs)
