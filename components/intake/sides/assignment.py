"""Clusters of relatives to their sides: train, val or test, each by its own name.

A cluster's side follows from a number in [0, 1) that its name and the seed give alone: below `val_share` it is val,
below `val_share + test_share` test, else train. So an image doesn't change its side when images come or go that are
none of its relatives; shares hold in expectation, in every dataset, class and size alike, not exactly. (There is no
way round: if no image may move when others come or go, a cluster's side is the one that it would have alone, so it
can't answer to what else there is, and exact shares must. Sorting and cutting by count would be exact, but every new
image would push others across the cuts, and a model trained before would then be tested on what it has seen. What can
be chosen is the seed, before training: split_report.py says how even it is.) A new image that turns out to be a copy
or near copy of old ones joins their cluster, which is named by the first of its groups; where that is the new one, or
where it joins two old clusters, the images of these clusters may change sides, and no others. Two exceptions: images
of an official test set are test, with all their relatives, and a dataset with an official test set gives no other
image to test; a side that would be empty in a dataset takes that dataset's cluster whose number lies nearest to it.
Leaves out: external datasets, which are never split, and the proof that nothing leaks (split.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from components.errors import LayoutError
from components.intake.form.records import SPLITS
from components.intake.sides.relatives import Relatives
from components.params import SplitParams
from components.types import Record

Datasets = Mapping[str, Sequence[Record]]
OFFICIAL_TEST = "test"


def position(cluster: str, seed: int) -> float:
    """A cluster's number in [0, 1), from its name and the seed alone."""
    digest = hashlib.sha256(f"{seed}:{cluster}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def assign_sides(datasets: Datasets, params: SplitParams, relatives: Relatives) -> dict[str, str]:
    """The side of each cluster, by name; raises LayoutError where a dataset has too few for all three sides."""
    clusters: dict[str, set[str]] = {
        name: {relatives.cluster[name, record.image_id] for record in records} for name, records in datasets.items()
    }
    official = {
        relatives.cluster[record.dataset, record.image_id]
        for records in datasets.values()
        for record in records
        if record.official_split == OFFICIAL_TEST
    }
    # A cluster across datasets may be test only if no dataset of it keeps its test set to itself.
    closed = {name for name in datasets if clusters[name] & official and _has_official(datasets[name])}
    never_test = {cluster for name in closed for cluster in clusters[name]} - official
    sides: dict[str, str] = {}
    for cluster in sorted(set().union(*clusters.values())):
        number = position(cluster, params.seed)
        if cluster in official:
            sides[cluster] = "test"
        elif number < params.val_share:
            sides[cluster] = "val"
        elif number < params.val_share + params.test_share and cluster not in never_test:
            sides[cluster] = "test"
        else:
            sides[cluster] = "train"
    for name in sorted(clusters):
        # Moving a cluster that reaches into another dataset could empty a side there.
        own = clusters[name].difference(*(clusters[other] for other in clusters if other != name))
        _fill_empty(name, clusters[name], sides, params, never_test=never_test, movable=own - official)
    return sides


def _has_official(records: Sequence[Record]) -> bool:
    return any(record.official_split == OFFICIAL_TEST for record in records)


def _fill_empty(
    name: str,
    clusters: set[str],
    sides: dict[str, str],
    params: SplitParams,
    *,
    never_test: set[str],
    movable: set[str],
) -> None:
    """Give each side that is empty in a dataset the cluster nearest to it, from a side that can spare one."""
    middle = {"val": params.val_share / 2, "test": params.val_share + params.test_share / 2, "train": 1.0}
    for side in ("train", "val", "test"):
        if any(sides[cluster] == side for cluster in clusters):
            continue
        number = {kind: sum(sides[cluster] == kind for cluster in clusters) for kind in SPLITS}
        can_move = sorted(
            (abs(position(cluster, params.seed) - middle[side]), cluster)
            for cluster in movable - (never_test if side == "test" else set())
            if number[sides[cluster]] > 1
        )
        if not can_move:
            raise LayoutError(
                f"{name}: {len(clusters)} groups of images can't fill train, val and test; {side} stays empty",
                expected="at least one group in each, and relatives on one side",
                remedy="add images of other patients, or remove the dataset from params.yaml",
            )
        sides[can_move[0][1]] = side
