"""Clusters of relatives to their sides: those on record keep theirs, the others even out the strata.

What is on record stands first (keeping.py), then official test sets: their images are test, with all their relatives,
and a dataset with an official test set gives no other image to test. The other clusters come one by one, and each
takes the side that lacks most of it, as in iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, "On the
stratification of multi-label data", section 3): each stratum (strata.py), each class and each dataset has a deficit on
each side, the side's share of the images seen so far less those that it has, and a cluster's images count in all their
strata. Differs from there: the deficits are against what was seen so far, not against the whole, so that a side isn't
filled with the clusters that come first; and whole classes and datasets have deficits too, so that the rounding of
small strata doesn't add up. Clusters that reach into several strata come first, then the rarest strata, then the
largest clusters, so that small ones can even out what large ones leave; among equals a hash of seed and name decides.
A side that would be empty in a dataset takes its smallest cluster without a record. Leaves out: external datasets,
which are never split, and the proof that nothing leaks (split.py).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.errors import LayoutError
from components.intake.form.records import SPLITS
from components.intake.sides.images import Images, Integers
from components.intake.sides.relatives import Clusters
from components.intake.sides.strata import Stratum, strata_of
from components.params import SplitParams

# How much an image's deficit in its dataset, its class and its stratum weighs.
DATASET_WEIGHT, CLASS_WEIGHT, STRATUM_WEIGHT = 1, 3, 2
NO_SIDE, TEST = -1, SPLITS.index("test")

Shares = Mapping[str, float]
Pool = tuple[str, ...]
"""Images that are counted together: (dataset,), (dataset, class) or (dataset, class, size)."""

Sides = NDArray[np.int8]
"""Places in `SPLITS`, or `NO_SIDE`."""


def assign_sides(images: Images, params: SplitParams, clusters: Clusters, *, kept: Sides) -> Sides:
    """The side of each cluster, by number; `kept` holds those on record, and `NO_SIDE` for the others.

    Raises
    ------
    LayoutError
        If a dataset has too few clusters for all three sides.
    """
    official = np.zeros(len(clusters.names), dtype=np.bool_)
    official[clusters.of[images.official_test]] = True
    shares = target_shares(images, params)
    # A cluster across datasets may be test only if no dataset of it keeps its test set to itself.
    never_test = np.zeros(len(clusters.names), dtype=np.bool_)
    for number, name in enumerate(images.names):
        if "test" not in shares[name]:
            never_test[clusters.of[images.dataset == number]] = True
    contents = _contents(images, clusters)
    sides = np.where(official, TEST, kept).astype(np.int8)
    deficits = _Deficits(shares)
    for cluster in np.flatnonzero(sides != NO_SIDE).tolist():
        deficits.add(contents.of(cluster), SPLITS[sides[cluster]])
    for cluster in _in_turn(contents, clusters, np.flatnonzero(sides == NO_SIDE), params.seed).tolist():
        allowed = [side for side in SPLITS if side != "test" or not never_test[cluster]]
        held = contents.of(cluster)
        side = deficits.neediest(held, allowed, tie=f"{params.seed}:{clusters.names[cluster]}")
        sides[cluster] = SPLITS.index(side)
        deficits.add(held, side)
    fixed = official | (kept != NO_SIDE)
    _fill_empty(images, clusters, sides, fixed=fixed, never_test=never_test, seed=params.seed)
    return sides


def target_shares(images: Images, params: SplitParams) -> dict[str, Shares]:
    """The share of each side in each dataset; a dataset with an official test set has none for test.

    Its train and val are shares of its images on these two sides.
    """
    train = 1 - params.val_share - params.test_share
    whole = {"train": train, "val": params.val_share, "test": params.test_share}
    without_test = {"train": 1 - params.val_share, "val": params.val_share}
    official = set(images.dataset[images.official_test].tolist())
    return {name: without_test if number in official else whole for number, name in enumerate(images.names)}


@dataclass(frozen=True, eq=False, slots=True)
class _Contents:
    """How many images of which strata each cluster holds: of cluster k the elements from begins[k] to begins[k + 1]."""

    strata: tuple[Stratum, ...]
    begins: Integers
    stratum: Integers
    images: Integers

    def of(self, cluster: int) -> dict[Stratum, int]:
        """One cluster's."""
        own = slice(int(self.begins[cluster]), int(self.begins[cluster + 1]))
        pairs = zip(self.stratum[own].tolist(), self.images[own].tolist(), strict=True)
        return {self.strata[stratum]: count for stratum, count in pairs}


def _contents(images: Images, clusters: Clusters) -> _Contents:
    number, strata = strata_of(images)
    pair, first, count = np.unique(clusters.of * max(len(strata), 1) + number, return_index=True, return_counts=True)
    cluster, stratum = np.divmod(pair, max(len(strata), 1))
    order = np.lexsort((first, cluster))  # in a cluster as they come
    begins = np.searchsorted(cluster, np.arange(len(clusters.names) + 1))
    return _Contents(strata, begins, stratum[order], count[order])


def _in_turn(contents: _Contents, clusters: Clusters, which: Integers, seed: int) -> Integers:
    """Of some clusters, the order in which they choose."""
    if len(which) == 0:
        return which
    size = np.diff(contents.begins)
    chooses = np.zeros(len(size), dtype=np.bool_)
    chooses[which] = True
    element = np.repeat(chooses, size)
    stratum, count = contents.stratum[element], contents.images[element]
    of_stratum = np.bincount(stratum, weights=count, minlength=len(contents.strata)).astype(np.int64)
    starts = np.cumsum(size[which]) - size[which]
    # The rarest: of fewest images, and the first of those.
    rarest = np.minimum.reduceat(of_stratum[stratum] * len(contents.strata) + stratum, starts)
    chance = bytearray()
    for cluster in which.tolist():
        chance += _chance(f"{seed}:{clusters.names[cluster]}")
    words = np.frombuffer(chance, dtype=">u8").astype(np.uint64).reshape(-1, 4)
    return which[np.lexsort((*words.T[::-1], -np.add.reduceat(count, starts), rarest, size[which] == 1))]


def _chance(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


class _Deficits:
    """What each side lacks in each pool: its share of the images seen so far, less those that it has."""

    def __init__(self, shares: Mapping[str, Shares]) -> None:
        self._shares = shares
        self._seen: Counter[Pool] = Counter()
        self._has: Counter[tuple[Pool, str]] = Counter()

    def add(self, held: Mapping[Stratum, int], side: str) -> None:
        """Count a cluster on its side; where a dataset has no share for that side, its images don't count."""
        for stratum, count in held.items():
            if side in self._shares[stratum.dataset]:
                for pool, _ in _pools(stratum):
                    self._seen[pool] += count
                    self._has[pool, side] += count

    def neediest(self, held: Mapping[Stratum, int], sides: Collection[str], *, tie: str) -> str:
        """The side on which a cluster leaves the least squared deficits over all its pools."""
        pools: dict[Pool, tuple[int, int]] = {}
        for stratum, count in held.items():
            for pool, weight in _pools(stratum):
                pools[pool] = weight, pools.get(pool, (0, 0))[1] + count

        def relief(side: str) -> float:
            return sum(
                weight * count * (self._shares[pool[0]][side] * (self._seen[pool] + count) - self._has[pool, side])
                for pool, (weight, count) in pools.items()
            )

        return max(sides, key=lambda side: (round(relief(side), 6), _chance(f"{tie}:{side}")))


def _pools(stratum: Stratum) -> tuple[tuple[Pool, int], ...]:
    dataset, subject_class, size = stratum.dataset, stratum.subject_class, stratum.size
    return (
        ((dataset,), DATASET_WEIGHT),
        ((dataset, subject_class), CLASS_WEIGHT),
        ((dataset, subject_class, size), STRATUM_WEIGHT),
    )


def _fill_empty(
    images: Images,
    clusters: Clusters,
    sides: Sides,
    *,
    fixed: NDArray[np.bool_],
    never_test: NDArray[np.bool_],
    seed: int,
) -> None:
    """Give each side that is empty in a dataset its smallest cluster that may move, from a side that can spare one.

    Those that are `fixed` may not, nor those that reach into another dataset, where a side could become empty.
    """
    held = [np.unique(clusters.of[images.dataset == number]) for number in range(len(images.names))]
    datasets = np.bincount(np.concatenate(held), minlength=len(sides)) if held else np.zeros(0, dtype=np.int64)
    total = np.bincount(clusters.of, minlength=len(sides))
    for name, own in zip(images.names, held, strict=True):
        for side in range(len(SPLITS)):
            number = np.bincount(sides[own], minlength=len(SPLITS))
            if number[side]:
                continue
            spared = (number[sides[own]] > 1) & ~fixed[own] & (datasets[own] == 1)
            can_move = own[spared & ~never_test[own]] if side == TEST else own[spared]
            if len(can_move) == 0:
                raise LayoutError(
                    f"{name}: {len(own)} groups of images can't fill train, val and test; {SPLITS[side]} stays empty",
                    expected="at least one group in each, relatives on one side, and images on record where they were",
                    remedy="add images of other patients, or remove the dataset from params.yaml",
                )
            smallest: list[int] = can_move[total[can_move] == total[can_move].min()].tolist()
            moved = min(smallest, key=lambda cluster: _chance(f"{seed}:{clusters.names[cluster]}"))
            sides[moved] = side
