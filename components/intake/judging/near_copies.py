"""Facts and images of one dataset to its copies: for each image the others that show the same speckle, and conflicts.

Near copies are looked for between images of different groups: those of one group are known to belong together. Copies,
near or exact, that have different classes conflict, within a group too, except where a group is a video: its frames may
change their class from one to the next. Memory holds some numbers of each image, and of those that are told of their
files and classes. Leaves out: other datasets, and joining anything (relatives.py).
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.contract import Contract
from components.engines import ONE_THREAD, Engine, Progress
from components.errors import ImageError
from components.intake.layouts import Case
from components.intake.likeness.fine_structure import MIN_CORRELATION
from components.intake.likeness.proof import Proofs
from components.intake.likeness.shared_keys import Index, pairs_sharing_keys
from components.intake.measuring.facts import in_line
from components.intake.measuring.facts_table import Facts
from components.intake.measuring.pixels import pixels_md5, read_image
from components.journal import Journal
from components.stored_list import StoredList
from components.texts import Texts
from components.types import Image

COLUMN, CONFLICTS = "near_copy_of", "conflicting_copies"


def with_near_copies(
    facts: Facts,
    cases: Sequence[Case],
    contract: Contract,
    *,
    engine: Engine = ONE_THREAD,
    progress: Progress | None = None,
    journal: Journal | None = None,
) -> Facts:
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
    pixels = facts.equals("pixels_md5").numbers()
    equal = _equal_pixels(facts, pixels)
    proved = _proved(facts, cases, contract, pixels=pixels, engine=engine, progress=progress, journal=journal)
    pairs = [*equal, *((i, j) for i, j, _ in proved)]
    images = _images(facts, {row for pair in pairs for row in pair})
    near: dict[int, list[str]] = defaultdict(list)
    conflicts: dict[int, list[str]] = defaultdict(list)

    def tell_conflict(i: int, j: int, how: str) -> None:
        if images[i].subject_class and images[j].subject_class and images[i].subject_class != images[j].subject_class:
            for one, other in ((images[i], images[j]), (images[j], images[i])):
                found = f"{one.subject_class}, while {other.file} is {other.subject_class}; {how}"
                conflicts[one.row].append("\t".join((in_line(one.file), in_line(found))))

    for i, j in equal:
        tell_conflict(i, j, "their pixels are equal")
    for i, j, correlation in proved:
        if images[i].group != images[j].group:
            near[i].append(images[j].file)
            near[j].append(images[i].file)
        tell_conflict(i, j, f"their speckle correlates by {correlation:.2f}")
    return facts.with_texts(
        {
            COLUMN: {row: ", ".join(files) for row, files in near.items()},
            CONFLICTS: {row: "\n".join(lines) for row, lines in conflicts.items()},
        }
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """An image that is told of; a missing group or class is empty."""

    row: int
    file: str
    group: str
    subject_class: str


def _images(facts: Facts, rows: Collection[int]) -> dict[int, _Told]:
    """What the table says of these rows."""
    found: dict[int, _Told] = {}
    for frame in facts.batches(["image_file", "group", "subject_class"]) if rows else ():
        some = frame.loc[[row for row in frame.index if row in rows]].fillna("")
        found |= {row: _Told(row, *texts) for row, *texts in some.itertuples()}
    return found


def _proved(
    facts: Facts,
    cases: Sequence[Case],
    contract: Contract,
    *,
    pixels: Index,
    engine: Engine,
    progress: Progress | None,
    journal: Journal | None,
) -> list[tuple[int, int, float]]:
    """The pairs of near copies, sorted, and by how much they correlate; rows of equal `pixels` (n) are none."""
    digests = Texts(text or "" for text in facts.texts("pixels_md5"))
    pairs = _candidates(facts, digests, pixels, contract)
    load = _Load(StoredList(case.image for case in cases) if len(pairs) else (), digests)
    sides_px = array("q")
    for frame in facts.batches(["long_side_px"]):
        sides_px.extend(frame["long_side_px"].fillna(1).to_numpy(dtype=np.int64))
    proofs = Proofs(digests, sides_px, load, engine=engine, journal=journal)
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
    digests: Texts

    def __call__(self, row: int) -> Image | None:
        try:
            image = read_image(self.files[row])
        except (ImageError, OSError):
            return None
        return image if pixels_md5(image) == self.digests[row] else None


def _candidates(facts: Facts, digests: Texts, pixels: Index, contract: Contract) -> Index:
    """Pairs of different pixels (n) that share a key: of different groups, or of one group and different classes."""
    apart = ("group",) if contract.group.key == "video" else ("group", "subject_class")
    pairs = pairs_sharing_keys(facts.texts("perceptual_hash"), facts.equals(*apart).numbers(), digests)
    return pairs[pixels[pairs[:, 0]] != pixels[pairs[:, 1]]]


def _equal_pixels(facts: Facts, pixels: Index) -> list[tuple[int, int]]:
    """Each image whose pixels (n) an earlier one has, with the first of each class that has them."""
    several = np.bincount(pixels, minlength=1)[pixels] > 1
    first_of: dict[int, dict[str, int]] = {}
    pairs = []
    for frame in facts.batches(["pixels_md5", "subject_class"]) if several.any() else ():
        some = frame[several[frame.index.to_numpy()]].dropna()
        for row, subject_class in zip(some.index.tolist(), some["subject_class"], strict=True):
            known = first_of.setdefault(int(pixels[row]), {})
            pairs += [(first, row) for other, first in known.items() if other != subject_class]
            known.setdefault(subject_class, row)
    return pairs
