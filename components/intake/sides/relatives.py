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
from components.intake.sides.images import Datasets, Images, Key, Rows, first_of, images_of, numbered
from components.intake.sides.linked import linked, spanning
from components.journal import Journal
from components.texts import Texts
from components.types import Image, Record

Reason = Literal["same pixels", "near copy"]


@dataclass(frozen=True, slots=True)
class Join:
    """Two images of different groups that belong together, why, and by which correlation (1 for equal pixels)."""

    first: Key
    second: Key
    reason: Reason
    correlation: float


@dataclass(frozen=True, eq=False, slots=True)
class Clusters:
    """The number of each row's cluster (n), in the order of the names, and the name of each number."""

    of: Index
    names: Texts


class NamesByKey(Mapping[Key, str]):
    """For each image the name of its cluster; `clusters` has the same by row."""

    def __init__(self, rows: Rows, clusters: Clusters) -> None:
        self.rows, self.clusters = rows, clusters

    def __getitem__(self, key: Key) -> str:
        return self.clusters.names[int(self.clusters.of[self.rows.row(key)])]

    def __iter__(self) -> Iterator[Key]:
        return map(self.rows.key, range(len(self)))

    def __len__(self) -> int:
        return self.rows.count


@dataclass(frozen=True, slots=True)
class Relatives:
    """For each image the name of its cluster, and the joins that go beyond the groups of the contracts."""

    cluster: Mapping[Key, str]
    joins: tuple[Join, ...]


def clusters_of(images: Images, relatives: Relatives) -> Clusters:
    """The clusters by row."""
    named = relatives.cluster
    if isinstance(named, NamesByKey) and named.rows is images:
        return named.clusters
    return Clusters(*numbered(Texts(named[images.key(row)] for row in range(images.count))))


def find_relatives(
    datasets: Datasets,
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
    images = images_of(datasets)
    nodes, size = images.group, len(images.groups)
    same = _same_pixels(images)
    same = same[spanning(nodes[same], size)]
    nodes = linked(nodes[same], size)[nodes]
    pairs = pairs_sharing_keys(_hashes(images), nodes, images.pixels)
    proofs = _proofs(images, workers, journal)
    proofs.keep(pairs)
    near, nodes = _linked_by_proof(pairs, nodes, proofs, progress)
    joins = [_join(images, one, other, "same pixels", 1.0) for one, other in same.tolist()]
    joins += [_join(images, one, other, "near copy", correlation) for one, other, correlation in sorted(near)]
    left, of = np.unique(nodes, return_inverse=True)
    clusters = Clusters(of.astype(np.int64), Texts(images.groups[node] for node in left.tolist()))
    return Relatives(NamesByKey(images, clusters), tuple(joins))


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
    rows = Rows(some, others)
    sides = np.repeat(np.arange(2), [len(some), len(others)])
    first = first_of(numbered(rows.pixels)[0])
    found = {
        other: _join(rows, int(first[other]), other, "same pixels", 1.0)
        for other in np.flatnonzero((sides == 1) & (first < len(some))).tolist()
    }
    pairs = pairs_sharing_keys(_hashes(rows), rows.group, rows.pixels, sides=sides)
    proofs = _proofs(rows, workers, journal)
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
            found.setdefault(other, _join(rows, one, other, "near copy", float(correlations[at])))
        left = np.delete(left, chosen, axis=0)
    if progress is not None and len(pairs) > 0:
        progress(len(pairs), len(pairs))
    return tuple(sorted(found.values(), key=lambda join: join.second))


def _same_pixels(images: Images) -> Index:
    """Each row whose pixels an earlier one has, with the first that has them: their numbers (n 2)."""
    first = first_of(numbered(images.pixels)[0])
    later = np.flatnonzero(first != np.arange(len(first)))
    return np.stack([first[later], later], axis=1)


def _hashes(rows: Rows) -> Iterator[str | None]:
    return (record.perceptual_hash for record in rows.records())


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


def _proofs(rows: Rows, workers: int, journal: Journal | None) -> Proofs:
    def load(row: int) -> Image:
        return load_image(rows.record(row))

    return Proofs(rows.pixels, rows.long_side_px, load, engine=Threads(workers), journal=journal)


def fine_correlation(first: Record, second: Record) -> float:
    """The largest normalised correlation of two images' fine structure, -1 to 1 (fine_structure.py)."""
    return next(_proofs(Rows([first, second]), 1, None).proved(np.array([[0, 1]])))[1]


def _join(rows: Rows, first: int, second: int, reason: Reason, correlation: float) -> Join:
    return Join(rows.key(first), rows.key(second), reason, round(correlation, 4))
