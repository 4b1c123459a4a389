"""The record of sides, and clusters of relatives, to the side that each cluster must keep.

An image is known again by its name, or by its pixels under whatever name. Relatives whose sides on record differ can't
be put right by any division, so they stop it, with what links them. Leaves out: the file (record.py), and the clusters
that have no side yet (assignment.py).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.errors import LeakError
from components.intake.form.records import SPLITS
from components.intake.sides.assignment import NO_SIDE, TEST, Sides
from components.intake.sides.images import Images, Key
from components.intake.sides.record import SIDES, SidesRecord
from components.intake.sides.relatives import Clusters, Join, Relatives, clusters_of

LISTED_CLUSTERS, LISTED_IMAGES = 10, 3


@dataclass(frozen=True, slots=True)
class _Claim:
    """An image that asks for a side, its group, and why in words where that isn't its own row."""

    key: Key
    group: str
    side: str
    why: str = ""

    def words(self) -> str:
        return f"{_name(self.key)}{f' ({self.why})' if self.why else ''}"


def kept_sides(images: Images, relatives: Relatives, recorded: SidesRecord) -> Sides:
    """The side of each cluster that holds an image on record, `NO_SIDE` of the others; by the cluster's number.

    Raises
    ------
    LeakError
        If images of one cluster are on record on different sides, or an official test image is on record as another:
        with the images, their sides, and the joins that link them.
    """
    clusters = clusters_of(images, relatives)
    kept: Sides = np.full(len(clusters.names), NO_SIDE, dtype=np.int8)
    torn = set()
    for row, claim in _claims_on_record(images, recorded):
        cluster, side = int(clusters.of[row]), SPLITS.index(claim.side)
        if kept[cluster] not in (NO_SIDE, side):
            torn.add(cluster)
        else:
            kept[cluster] = side
    official = np.unique(clusters.of[images.official_test])
    torn.update(official[(kept[official] != NO_SIDE) & (kept[official] != TEST)].tolist())
    if torn:
        raise _torn(_claims_of(torn, images, clusters, recorded), images, relatives)
    return kept


def _claims_on_record(images: Images, recorded: SidesRecord) -> Iterator[tuple[int, _Claim]]:
    """What each image's own row says, and the rows of its pixels."""
    if not len(recorded):
        return
    # Phantoms share the names of real files.
    for row in np.flatnonzero(~images.phantom).tolist():
        key, pixels = images.key(row), images.pixels[row]
        own, same = recorded.named(key), recorded.with_pixels(pixels)
        claims = [(own, "")] if own is not None else []
        # The image of a row speaks for itself where it still has these pixels.
        others = [other for other in same if other.key != key and _pixels_of(other.key, images) != pixels]
        claims += [(other, f"has the pixels of {_name(other.key)} on record") for other in others]
        for claim, why in claims:
            yield row, _Claim(key, images.groups[images.group[row]], claim.split, why)


def _pixels_of(key: Key, images: Images) -> str | None:
    """The digest of a real image's pixels, if it is here."""
    try:
        row = images.row(key)
    except KeyError:
        return None
    return None if images.phantom[row] else images.pixels[row]


def _claims_of(some: set[int], images: Images, clusters: Clusters, recorded: SidesRecord) -> dict[str, list[_Claim]]:
    """All claims in some clusters, by the cluster's name."""
    found: dict[str, list[_Claim]] = defaultdict(list)
    for row, claim in _claims_on_record(images, recorded):
        if (cluster := int(clusters.of[row])) in some:
            found[clusters.names[cluster]].append(claim)
    for row in np.flatnonzero(images.official_test).tolist():
        if (cluster := int(clusters.of[row])) in some:
            group = images.groups[images.group[row]]
            found[clusters.names[cluster]].append(_Claim(images.key(row), group, "test", "its authors' test set"))
    return found


def _torn(torn: Mapping[str, Sequence[_Claim]], images: Images, relatives: Relatives) -> LeakError:
    links = _Links(images, relatives)
    told = [_told(claims, links) for _, claims in sorted(torn.items())]
    more = [f"and {len(told) - LISTED_CLUSTERS} more"] if len(told) > LISTED_CLUSTERS else []
    clusters = "1 cluster" if len(torn) == 1 else f"{len(torn)} clusters"
    return LeakError(
        "\n  - ".join([f"{clusters} of relatives with different sides on record:", *told[:LISTED_CLUSTERS], *more]),
        expected="relatives on one side, and every image on the side it has on record",
        remedy="take the image that links them out by `quarantine` in its dataset's contract, or correct the entry of "
        "`group.together` that does, if it is wrong; or, if the earlier "
        f"division itself leaked, remove the rows of these images from {SIDES.as_posix()}: results measured on them "
        "so far then no longer hold",
    )


def _told(claims: Sequence[_Claim], links: _Links) -> str:
    """One cluster in words: its images by side, and how those of one side are linked to those of each other."""
    by_side: dict[str, list[_Claim]] = defaultdict(list)
    for claim in sorted(claims, key=lambda claim: (claim.key, claim.why)):
        by_side[claim.side].append(claim)
    sides = [side for side in SPLITS if side in by_side]
    images = "; ".join(f"{side}: {_few([claim.words() for claim in by_side[side]])}" for side in sides)
    first, *others = sides
    chains = [links.chain(by_side[first], by_side[other]) for other in others]
    return f"{images}. Linked by: {'; '.join(dict.fromkeys(step for chain in chains for step in chain))}"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED_IMAGES} more" if len(names) > LISTED_IMAGES else ""
    return ", ".join(names[:LISTED_IMAGES]) + more


class _Links:
    """How images hang together: by the groups of the contracts, and by the joins between groups."""

    def __init__(self, images: Images, relatives: Relatives) -> None:
        self._next: dict[str, list[tuple[str, Key, Key, Join]]] = defaultdict(list)
        for join in relatives.joins:
            first, second = (images.groups[images.group[images.row(key)]] for key in (join.first, join.second))
            self._next[first].append((second, join.first, join.second, join))
            self._next[second].append((first, join.second, join.first, join))

    def chain(self, some: Sequence[_Claim], others: Sequence[_Claim]) -> list[str]:
        """The shortest way from any of `some` to any of `others`, as words for each step; all in one cluster."""
        starts, ends = _by_group(some), _by_group(others)
        came: dict[str, tuple[str, Key, Key, Join] | None] = dict.fromkeys(starts)
        queue = deque(starts)
        while (at := queue.popleft()) not in ends:
            for there, leaves, arrives, join in self._next[at]:
                if there not in came:
                    came[there] = (at, leaves, arrives, join)
                    queue.append(there)
        steps, stands = [], ends[at]
        while (link := came[at]) is not None:
            before, leaves, arrives, join = link
            steps += [*_same_group(at, arrives, stands), _joined(leaves, arrives, join)]
            at, stands = before, leaves
        steps += _same_group(at, starts[at], stands)
        return steps[::-1]


def _by_group(claims: Sequence[_Claim]) -> dict[str, Key]:
    """Each group with the first of its images."""
    found: dict[str, Key] = {}
    for claim in claims:
        found.setdefault(claim.group, claim.key)
    return found


def _same_group(group: str, first: Key, second: Key) -> list[str]:
    return [] if first == second else [f"{_name(first)} and {_name(second)} are of group {group}"]


def _joined(first: Key, second: Key, join: Join) -> str:
    how = f"{join.reason}, correlation {join.correlation:.2f}" if join.reason == "near copy" else join.reason
    return f"{_name(first)} and {_name(second)} ({how})"


def _name(key: Key) -> str:
    return "/".join(key)
