"""Records to clusters of relatives that must stay on one side: same group, same pixels, or near copies.

Near copies are images whose perceptual hashes share a key, proved on pixels: they are relatives if their fine
structure correlates by at least `MIN_CORRELATION`. Speckle is like a fingerprint: two looks at different tissue don't
share it, while copies, other calipers, other gain or a small crop of one frame do. Works within and across datasets.
Leaves out: deciding sides (components/intake/split.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.intake.form.records import load_image
from components.intake.likeness.fine_structure import MIN_CORRELATION, Fine, fine_structure, largest_correlation
from components.intake.likeness.shared_keys import pairs_sharing_keys
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


def find_relatives(datasets: Mapping[str, Sequence[Record]]) -> Relatives:
    """Join all records of all datasets by group, equal pixels and near copies.

    A cluster is named `dataset/group` after the first, by name, of the groups that it joins. Each join is proved by one
    pair; pairs that are in one cluster already are not looked at.
    """
    records = [record for name in sorted(datasets) for record in datasets[name]]
    parents: dict[str, str] = {_node(record): _node(record) for record in records}
    joins: list[Join] = []

    def join(first: Record, second: Record, reason: Reason, correlation: float) -> None:
        joins.append(Join(_key(first), _key(second), reason, round(correlation, 4)))
        _union(parents, _node(first), _node(second))

    for first, second in _same_pixels(records):
        if _root(parents, _node(first)) != _root(parents, _node(second)):
            join(first, second, "same pixels", 1.0)
    clusters = [_root(parents, _node(record)) for record in records]
    for first, second in _sharing_keys(records, clusters):
        if _root(parents, _node(first)) == _root(parents, _node(second)):
            continue
        correlation = fine_correlation(first, second)
        if correlation >= MIN_CORRELATION:
            join(first, second, "near copy", correlation)
    return Relatives({_key(record): _root(parents, _node(record)) for record in records}, tuple(joins))


def find_copies(some: Sequence[Record], others: Sequence[Record]) -> tuple[Join, ...]:
    """The images of `others` that are in `some` too, with equal pixels or as near copies: one proof for each."""
    records = [*some, *others]
    known = {record.pixels_md5: record for record in reversed(some)}
    found = {
        _key(other): Join(_key(known[other.pixels_md5]), _key(other), "same pixels", 1.0)
        for other in others
        if other.pixels_md5 in known
    }
    sides = np.repeat(np.arange(2), [len(some), len(others)])
    nodes = [_node(record) for record in records]
    for first, second in _sharing_keys(records, nodes, sides=sides):
        if _key(second) in found:
            continue
        correlation = fine_correlation(first, second)
        if correlation >= MIN_CORRELATION:
            found[_key(second)] = Join(_key(first), _key(second), "near copy", round(correlation, 4))
    return tuple(found[key] for key in sorted(found))


def _same_pixels(records: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    """Each record whose pixels an earlier one has, with the first that has them."""
    first_with: dict[str, Record] = {}
    for record in records:
        known = first_with.setdefault(record.pixels_md5, record)
        if known is not record:
            yield known, record


def _sharing_keys(
    records: Sequence[Record], clusters: Sequence[str], *, sides: NDArray[np.int64] | None = None
) -> Iterator[tuple[Record, Record]]:
    """Pairs of records of different clusters (and sides, if given) whose hashes share a key, each once."""
    numbers: dict[str, int] = {}
    groups = np.array([numbers.setdefault(name, len(numbers)) for name in clusters], dtype=np.int64)
    seen: set[int] = set()
    for pairs in pairs_sharing_keys([record.perceptual_hash for record in records], groups, sides=sides):
        for i, j in pairs.tolist():
            if (code := i * len(records) + j) not in seen:
                seen.add(code)
                yield records[i], records[j]


def fine_correlation(first: Record, second: Record) -> float:
    """The largest normalised correlation of two images' fine structure, -1 to 1 (fine_structure.py)."""
    longest = max(first.height_px, first.width_px, second.height_px, second.width_px)
    return largest_correlation(partial(_fine, first), partial(_fine, second), longest_side_px=longest)


@lru_cache(maxsize=4096)  # 100 KB each at most, so 400 MB
def _fine(record: Record, level: int | None) -> Fine:
    return fine_structure(load_image(record), level)


def _key(record: Record) -> Key:
    return record.dataset, record.image_id


def _node(record: Record) -> str:
    return f"{record.dataset}/{record.group}"


def _root(parents: dict[str, str], node: str) -> str:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


def _union(parents: dict[str, str], first: str, second: str) -> None:
    roots = sorted((_root(parents, first), _root(parents, second)))
    parents[roots[1]] = roots[0]
