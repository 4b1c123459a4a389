"""Records to clusters of relatives that must stay on one side: same group, same pixels, or near copies.

Near copies are images whose perceptual hashes share a key, proved on pixels: they are relatives if their fine
structure correlates by at least `MIN_CORRELATION`. Speckle is like a fingerprint: two looks at different tissue don't
share it, while copies, other calipers, other gain or a small crop of one frame do. Works within and across datasets.

Pairs are proved in rounds, many at once. A round takes those that alone could link clusters that aren't linked yet (a
spanning forest of all pairs that are left), so that k copies of one frame cost k - 1 proofs however many pairs they
make, and the outcome depends neither on the number of workers nor on what a journal knows. Where one pair of two
clusters fails, the next rounds take twice as many of theirs each. Leaves out: deciding sides
(components/intake/split.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.engines import Progress, Threads
from components.intake.form.records import load_image
from components.intake.likeness.fine_structure import MIN_CORRELATION
from components.intake.likeness.proof import Proofs
from components.intake.likeness.shared_keys import Index, pairs_sharing_keys
from components.intake.sides.linked import linked, spanning
from components.journal import Journal
from components.types import Record

Key = tuple[str, str]
"""(dataset, image_id)."""

Reason = Literal["same pixels", "near copy"]


@dataclass(frozen=True, slots=True)
class Join:
    """Two images of different groups that belong together, why, and by which correlation (1 for equal pixels)."""

    first: Key
    second: Key
    reason: Reason
    correlation: float


@dataclass(frozen=True, slots=True)
class Relatives:
    """For each image the name of its cluster, and the joins that go beyond the groups of the contracts."""

    cluster: Mapping[Key, str]
    joins: tuple[Join, ...]


def find_relatives(
    datasets: Mapping[str, Sequence[Record]],
    *,
    workers: int = 1,
    progress: Progress | None = None,
    journal: Journal | None = None,
) -> Relatives:
    """Join all records of all datasets by group, equal pixels and near copies.

    A cluster is named `dataset/group` after the first, by name, of the groups that it joins. Each join is proved by one
    pair; pairs that are in one cluster already are not looked at.

    Parameters
    ----------
    workers
        Threads that decode and compare images.
    progress
        Called with the number of pairs decided, and of all that share a key.
    journal
        Correlations of pairs that were compared before, under the stamp of `proof_stamp`; new ones are added.
    """
    records = [record for name in sorted(datasets) for record in datasets[name]]
    nodes, names = pd.factorize(np.array([_node(record) for record in records], dtype=object), sort=True)
    same = _same_pixels(records)
    same = same[spanning(nodes[same], len(names))]
    nodes = linked(nodes[same], len(names))[nodes]
    pairs = pairs_sharing_keys([r.perceptual_hash for r in records], nodes, [r.pixels_md5 for r in records])
    proofs = _proofs(records, workers, journal)
    proofs.keep(pairs)
    near, nodes = _linked_by_proof(pairs, nodes, proofs, progress)
    joins = [_join(records, one, other, "same pixels", 1.0) for one, other in same.tolist()]
    joins += [_join(records, one, other, "near copy", correlation) for one, other, correlation in sorted(near)]
    return Relatives({_key(r): names[node] for r, node in zip(records, nodes.tolist(), strict=True)}, tuple(joins))


def _linked_by_proof(
    pairs: Index, nodes: Index, proofs: Proofs, progress: Progress | None
) -> tuple[list[tuple[int, int, float]], Index]:
    """The pairs of images (n 2) that link nodes, with their correlation, and each image's node afterwards."""
    size = int(nodes.max(initial=-1)) + 1
    joins: list[tuple[int, int, float]] = []
    left = pairs
    for each in _doubled():
        left = left[nodes[left[:, 0]] != nodes[left[:, 1]]]
        if len(left) == 0:
            break
        ends = np.sort(nodes[left], axis=1)
        between = ends[:, 0] * size + ends[:, 1]
        chosen = np.flatnonzero(np.isin(between, between[spanning(ends, size)]) & _first_of_each(between, each))
        correlations = _correlations(proofs, left[chosen], progress, decided=len(pairs) - len(left), total=len(pairs))
        alike = np.flatnonzero(correlations >= MIN_CORRELATION)
        links = alike[spanning(ends[chosen[alike]], size)]
        joins += [(*left[chosen[at]].tolist(), float(correlations[at])) for at in links]
        nodes = linked(ends[chosen[links]], size)[nodes]
        left = np.delete(left, chosen, axis=0)
    if progress is not None and len(pairs) > 0:
        progress(len(pairs), len(pairs))
    return joins, nodes


def find_copies(
    some: Sequence[Record],
    others: Sequence[Record],
    *,
    workers: int = 1,
    progress: Progress | None = None,
    journal: Journal | None = None,
) -> tuple[Join, ...]:
    """The images of `others` that are in `some` too, with equal pixels or as near copies: one proof for each.

    Other parameters are those of `find_relatives`.
    """
    records = [*some, *others]
    known = {record.pixels_md5: number for number, record in reversed(list(enumerate(some)))}
    found = {
        number: _join(records, known[other.pixels_md5], number, "same pixels", 1.0)
        for number, other in enumerate(others, len(some))
        if other.pixels_md5 in known
    }
    sides = np.repeat(np.arange(2), [len(some), len(others)])
    nodes = pd.factorize(np.array([_node(record) for record in records], dtype=object))[0]
    hashes, digests = [r.perceptual_hash for r in records], [r.pixels_md5 for r in records]
    pairs = pairs_sharing_keys(hashes, nodes, digests, sides=sides)
    proofs = _proofs(records, workers, journal)
    proofs.keep(pairs)
    left = pairs
    for each in _doubled():
        left = left[~np.isin(left[:, 1], list(found))]
        if len(left) == 0:
            break
        chosen = np.flatnonzero(_first_of_each(left[:, 1], each))
        correlations = _correlations(proofs, left[chosen], progress, decided=len(pairs) - len(left), total=len(pairs))
        for at in np.flatnonzero(correlations >= MIN_CORRELATION):
            one, other = left[chosen[at]].tolist()
            found.setdefault(other, _join(records, one, other, "near copy", float(correlations[at])))
        left = np.delete(left, chosen, axis=0)
    if progress is not None and len(pairs) > 0:
        progress(len(pairs), len(pairs))
    return tuple(sorted(found.values(), key=lambda join: join.second))


def _same_pixels(records: Sequence[Record]) -> Index:
    """Each record whose pixels an earlier one has, with the first that has them: their numbers (n 2)."""
    first_with: dict[str, int] = {}
    pairs = [(first_with.setdefault(record.pixels_md5, number), number) for number, record in enumerate(records)]
    return np.array([pair for pair in pairs if pair[0] != pair[1]], dtype=np.int64).reshape(-1, 2)


def _doubled() -> Iterator[int]:
    """How many pairs a round takes of what could link the same two: 1, 2, 4, …"""
    return (2 ** min(number, 30) for number in count())


def _first_of_each(names: Index, number: int) -> NDArray[np.bool_]:
    """Which elements are among the first `number` of their name."""
    return pd.Series(names).groupby(names).cumcount().to_numpy() < number


def _correlations(
    proofs: Proofs, pairs: Index, progress: Progress | None, *, decided: int, total: int
) -> NDArray[np.float64]:
    correlations = np.full(len(pairs), np.nan)
    for done, (place, correlation) in enumerate(proofs.proved(pairs), 1):
        correlations[place] = correlation
        if progress is not None:
            progress(decided + done, total)
    return correlations


def _proofs(records: Sequence[Record], workers: int, journal: Journal | None) -> Proofs:
    sides_px = [max(record.height_px, record.width_px) for record in records]
    digests = [record.pixels_md5 for record in records]
    return Proofs(
        digests, sides_px, lambda number: load_image(records[number]), engine=Threads(workers), journal=journal
    )


def fine_correlation(first: Record, second: Record) -> float:
    """The largest normalised correlation of two images' fine structure, -1 to 1 (fine_structure.py)."""
    return next(_proofs([first, second], 1, None).proved(np.array([[0, 1]])))[1]


def _join(records: Sequence[Record], first: int, second: int, reason: Reason, correlation: float) -> Join:
    return Join(_key(records[first]), _key(records[second]), reason, round(correlation, 4))


def _key(record: Record) -> Key:
    return record.dataset, record.image_id


def _node(record: Record) -> str:
    return f"{record.dataset}/{record.group}"
