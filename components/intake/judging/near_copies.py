"""Facts and images of one dataset to its copies: for each image the others that show the same speckle, and conflicts.

Near copies are looked for between images of different groups: those of one group are known to belong together. Copies,
near or exact, that have different classes conflict, within a group too, except where a group is a video: its frames may
change their class from one to the next. Leaves out: other datasets, and joining anything (relatives.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from components.contract import Contract
from components.engines import ONE_THREAD, Engine, Progress
from components.errors import ImageError
from components.intake.layouts import Case
from components.intake.likeness.fine_structure import MIN_CORRELATION
from components.intake.likeness.proof import Proofs
from components.intake.likeness.shared_keys import Index, pairs_sharing_keys
from components.intake.measuring.facts import in_line
from components.intake.measuring.pixels import pixels_md5, read_image
from components.journal import Journal
from components.types import Image

COLUMN, CONFLICTS = "near_copy_of", "conflicting_copies"


def with_near_copies(
    facts: pd.DataFrame,
    cases: Sequence[Case],
    contract: Contract,
    *,
    engine: Engine = ONE_THREAD,
    progress: Progress | None = None,
    journal: Journal | None = None,
) -> pd.DataFrame:
    """The facts, `near_copy_of` and `conflicting_copies` filled, with no text where there is nothing to tell.

    `near_copy_of` holds the files that an image is a near copy of; `conflicting_copies` a line for each copy of another
    class: the image's own file and what was found, parted by a tab.

    Parameters
    ----------
    cases
        Those of the rows, in their order.
    engine
        Who decodes and compares images.
    progress
        Called with the number of pairs compared, and of all.
    journal
        Correlations of pairs that were compared before, under the stamp of `proof_stamp`; new ones are added.
    """
    files = facts["image_file"].tolist()
    groups, classes = _numbered(facts["group"]), facts["subject_class"].fillna("").tolist()
    near: dict[int, list[str]] = defaultdict(list)
    conflicts: dict[int, list[str]] = defaultdict(list)

    def tell_conflict(i: int, j: int, how: str) -> None:
        if classes[i] and classes[j] and classes[i] != classes[j]:
            for one, other in ((i, j), (j, i)):
                found = f"{classes[one]}, while {files[other]} is {classes[other]}; {how}"
                conflicts[one].append("\t".join((in_line(files[one]), in_line(found))))

    for i, j in _equal_pixels(facts):
        tell_conflict(i, j, "their pixels are equal")
    for i, j, correlation in _proved(facts, cases, contract, engine=engine, progress=progress, journal=journal):
        if groups[i] != groups[j]:
            near[i].append(files[j])
            near[j].append(files[i])
        tell_conflict(i, j, f"their speckle correlates by {correlation:.2f}")
    rows = range(len(cases))
    told = {
        COLUMN: [", ".join(near.get(row, ())) for row in rows],
        CONFLICTS: ["\n".join(conflicts.get(row, ())) for row in rows],
    }
    return facts.assign(**{name: pd.Series(texts, index=facts.index, dtype="string") for name, texts in told.items()})


def _proved(
    facts: pd.DataFrame,
    cases: Sequence[Case],
    contract: Contract,
    *,
    engine: Engine,
    progress: Progress | None,
    journal: Journal | None,
) -> list[tuple[int, int, float]]:
    """The pairs of near copies, sorted, and by how much they correlate."""
    digests = facts["pixels_md5"].fillna("").tolist()

    pairs = _candidates(facts, digests, contract)
    load = _Load([case.image for case in cases], digests)
    proofs = Proofs(digests, facts["long_side_px"].fillna(1).tolist(), load, engine=engine, journal=journal)
    proofs.keep(pairs)
    found = []
    for done, (place, correlation) in enumerate(proofs.proved(pairs), 1):
        if progress is not None:
            progress(done, len(pairs))
        if correlation >= MIN_CORRELATION:
            found.append((int(pairs[place, 0]), int(pairs[place, 1]), correlation))
    return sorted(found)


@dataclass(frozen=True)
class _Load:
    """An image's pixels by its row; None where they can't be read, or are others than those that its facts are of."""

    files: Sequence[Path]
    digests: Sequence[str]

    def __call__(self, row: int) -> Image | None:
        try:
            image = read_image(self.files[row])
        except (ImageError, OSError):
            return None
        return image if pixels_md5(image) == self.digests[row] else None


def _candidates(facts: pd.DataFrame, digests: Sequence[str], contract: Contract) -> Index:
    """Pairs of different pixels that share a key: of different groups, or of one group and different classes."""
    apart = facts["group"].fillna("")
    if contract.group.key != "video":
        apart = apart + "\0" + facts["subject_class"].fillna("")
    # As they stand in the table, not a second time as a list.
    pairs = pairs_sharing_keys(_Texts(facts["perceptual_hash"]), _numbered(apart), digests)
    numbers = _numbered(facts["pixels_md5"])
    return pairs[numbers[pairs[:, 0]] != numbers[pairs[:, 1]]]


@dataclass(frozen=True)
class _Texts:
    """A column's texts one by one, None where there is none."""

    column: pd.Series

    def __iter__(self) -> Iterator[str | None]:
        return (None if one is pd.NA else str(one) for one in self.column)


def _numbered(names: pd.Series) -> Index:
    return np.asarray(pd.factorize(names)[0], dtype=np.int64)


def _equal_pixels(facts: pd.DataFrame) -> list[tuple[int, int]]:
    """Each image whose pixels an earlier one has, with the first of each class that has them."""
    first_of: dict[str, dict[str, int]] = {}
    pairs = []
    columns = facts[["pixels_md5", "subject_class"]].itertuples(index=False)
    for row, (digest, subject_class) in enumerate(columns):
        if pd.isna(digest) or pd.isna(subject_class):
            continue
        known = first_of.setdefault(digest, {})
        pairs += [(first, row) for other, first in known.items() if other != subject_class]
        known.setdefault(subject_class, row)
    return pairs
