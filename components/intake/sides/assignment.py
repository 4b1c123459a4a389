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
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping

from components.errors import LayoutError
from components.intake.form.records import SPLITS
from components.intake.sides.keeping import OFFICIAL_TEST, Datasets
from components.intake.sides.relatives import Relatives
from components.intake.sides.strata import Stratum, strata_of
from components.params import SplitParams

# How much an image's deficit in its dataset, its class and its stratum weighs.
DATASET_WEIGHT, CLASS_WEIGHT, STRATUM_WEIGHT = 1, 3, 2

Shares = Mapping[str, float]
Pool = tuple[str, ...]
"""Images that are counted together: (dataset,), (dataset, class) or (dataset, class, size)."""


def assign_sides(
    datasets: Datasets, params: SplitParams, relatives: Relatives, *, kept: Mapping[str, str]
) -> dict[str, str]:
    """The side of each cluster, by name; `kept` holds those on record, by cluster.

    Raises
    ------
    LayoutError
        If a dataset has too few clusters for all three sides.
    """
    clusters: dict[str, set[str]] = {
        name: {relatives.cluster[name, record.image_id] for record in records} for name, records in datasets.items()
    }
    official = {
        relatives.cluster[record.dataset, record.image_id]
        for records in datasets.values()
        for record in records
        if record.official_split == OFFICIAL_TEST
    }
    shares = target_shares(datasets, params)
    # A cluster across datasets may be test only if no dataset of it keeps its test set to itself.
    never_test = {cluster for name in datasets if "test" not in shares[name] for cluster in clusters[name]}
    contents = _contents(datasets, relatives)
    sides = {**kept, **dict.fromkeys(official, "test")}
    deficits = _Deficits(shares)
    for cluster, side in sides.items():
        deficits.add(contents[cluster], side)
    for cluster in _in_turn({name: held for name, held in contents.items() if name not in sides}, params.seed):
        allowed = [side for side in SPLITS if side != "test" or cluster not in never_test]
        sides[cluster] = deficits.neediest(contents[cluster], allowed, tie=f"{params.seed}:{cluster}")
        deficits.add(contents[cluster], sides[cluster])
    for name in sorted(clusters):
        # Moving a cluster that reaches into another dataset could empty a side there.
        own = clusters[name].difference(*(clusters[other] for other in clusters if other != name))
        movable = {cluster: contents[cluster].total() for cluster in own - official - kept.keys()}
        _fill_empty(name, clusters[name], sides, movable, never_test=never_test, seed=params.seed)
    return sides


def target_shares(datasets: Datasets, params: SplitParams) -> dict[str, Shares]:
    """The share of each side in each dataset; a dataset with an official test set has none for test.

    Its train and val are shares of its images on these two sides.
    """
    train = 1 - params.val_share - params.test_share
    whole = {"train": train, "val": params.val_share, "test": params.test_share}
    without_test = {"train": 1 - params.val_share, "val": params.val_share}
    return {
        name: without_test if any(record.official_split == OFFICIAL_TEST for record in records) else whole
        for name, records in datasets.items()
    }


def _contents(datasets: Datasets, relatives: Relatives) -> dict[str, Counter[Stratum]]:
    """How many images of which strata each cluster holds."""
    found: dict[str, Counter[Stratum]] = defaultdict(Counter)
    for key, stratum in strata_of(datasets).items():
        found[relatives.cluster[key]][stratum] += 1
    return found


def _in_turn(contents: Mapping[str, Counter[Stratum]], seed: int) -> list[str]:
    """The clusters in the order in which they choose."""
    images: Counter[Stratum] = Counter()
    for held in contents.values():
        images.update(held)

    def turn(cluster: str) -> tuple[bool, int, Stratum, int, bytes]:
        held = contents[cluster]
        count, rarest = min((images[stratum], stratum) for stratum in held)
        return len(held) == 1, count, rarest, -held.total(), _chance(f"{seed}:{cluster}")

    return sorted(contents, key=turn)


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
    name: str,
    clusters: Collection[str],
    sides: dict[str, str],
    movable: Mapping[str, int],
    *,
    never_test: Collection[str],
    seed: int,
) -> None:
    """Give each side that is empty in a dataset the smallest of the `movable` clusters, from a side that can spare one.

    `movable` says how many images each has.
    """
    for side in SPLITS:
        number = Counter(sides[cluster] for cluster in clusters)
        if number[side]:
            continue
        can_move = [
            (images, _chance(f"{seed}:{cluster}"), cluster)
            for cluster, images in movable.items()
            if number[sides[cluster]] > 1 and (side != "test" or cluster not in never_test)
        ]
        if not can_move:
            raise LayoutError(
                f"{name}: {len(clusters)} groups of images can't fill train, val and test; {side} stays empty",
                expected="at least one group in each, relatives on one side, and images on record where they were",
                remedy="add images of other patients, or remove the dataset from params.yaml",
            )
        sides[min(can_move)[2]] = side
