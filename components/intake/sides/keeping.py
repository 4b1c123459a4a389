"""The record of sides, and clusters of relatives, to the side that each cluster must keep.

An image is known again by its name, or by its pixels under whatever name. Relatives whose sides on record differ can't
be put right by any division, so they stop it, with what links them. Leaves out: the file (record.py), and the clusters
that have no side yet (assignment.py).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from components.errors import LeakError
from components.intake.form.records import SPLITS
from components.intake.sides.record import SIDES, SidesRecord
from components.intake.sides.relatives import Join, Key, Relatives
from components.types import Record

Datasets = Mapping[str, Sequence[Record]]
OFFICIAL_TEST = "test"
LISTED_CLUSTERS, LISTED_IMAGES = 10, 3


@dataclass(frozen=True, slots=True)
class _Claim:
    """An image that asks for a side, and why in words where that isn't its own row."""

    record: Record
    side: str
    why: str = ""

    def words(self) -> str:
        return f"{_name(_key(self.record))}{f' ({self.why})' if self.why else ''}"


def kept_sides(datasets: Datasets, relatives: Relatives, recorded: SidesRecord) -> dict[str, str]:
    """The side of each cluster that holds an image on record, by the cluster's name.

    Raises
    ------
    LeakError
        If images of one cluster are on record on different sides, or an official test image is on record as another:
        with the images, their sides, and the joins that link them.
    """
    here = {
        _key(record): record.pixels_md5 for records in datasets.values() for record in records if not record.phantom
    }
    claims: dict[str, list[_Claim]] = defaultdict(list)
    for records in datasets.values():
        for record in records:
            if found := list(_claims_on_record(record, recorded, here)):
                claims[relatives.cluster[_key(record)]] += found
    kept = {cluster: found[0].side for cluster, found in claims.items()}
    for records in datasets.values():
        for record in records:
            if record.official_split == OFFICIAL_TEST and (cluster := relatives.cluster[_key(record)]) in kept:
                claims[cluster].append(_Claim(record, "test", "its authors' test set"))
    torn = {name: found for name, found in claims.items() if len({claim.side for claim in found}) > 1}
    if torn:
        raise _torn(torn, datasets, relatives)
    return kept


def _claims_on_record(record: Record, recorded: SidesRecord, here: Mapping[Key, str]) -> Iterator[_Claim]:
    """What a record's own row says, and the rows of its pixels; `here` holds the pixels of the real images."""
    if record.phantom:  # phantoms share the names of real files
        return
    if (own := recorded.by_name.get(_key(record))) is not None:
        yield _Claim(record, own.split)
    for row in recorded.by_pixels.get(record.pixels_md5, ()):
        # The image of that row speaks for itself where it still has these pixels.
        if here.get(row.key) != row.pixels_md5:
            yield _Claim(record, row.split, f"has the pixels of {_name(row.key)} on record")


def _torn(torn: Mapping[str, Sequence[_Claim]], datasets: Datasets, relatives: Relatives) -> LeakError:
    links = _Links(datasets, relatives)
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
    for claim in sorted(claims, key=lambda claim: (_key(claim.record), claim.why)):
        by_side[claim.side].append(claim)
    sides = [side for side in SPLITS if side in by_side]
    images = "; ".join(f"{side}: {_few([claim.words() for claim in by_side[side]])}" for side in sides)
    first, *others = sides
    chains = [
        links.chain([claim.record for claim in by_side[first]], [claim.record for claim in by_side[other]])
        for other in others
    ]
    return f"{images}. Linked by: {'; '.join(dict.fromkeys(step for chain in chains for step in chain))}"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED_IMAGES} more" if len(names) > LISTED_IMAGES else ""
    return ", ".join(names[:LISTED_IMAGES]) + more


class _Links:
    """How images hang together: by the groups of the contracts, and by the joins between groups."""

    def __init__(self, datasets: Datasets, relatives: Relatives) -> None:
        group = {_key(record): _group(record) for records in datasets.values() for record in records}
        self._next: dict[str, list[tuple[str, Key, Key, Join]]] = defaultdict(list)
        for join in relatives.joins:
            first, second = group[join.first], group[join.second]
            self._next[first].append((second, join.first, join.second, join))
            self._next[second].append((first, join.second, join.first, join))

    def chain(self, some: Sequence[Record], others: Sequence[Record]) -> list[str]:
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


def _by_group(records: Sequence[Record]) -> dict[str, Key]:
    """Each group with the first of its images."""
    found: dict[str, Key] = {}
    for record in records:
        found.setdefault(_group(record), _key(record))
    return found


def _same_group(group: str, first: Key, second: Key) -> list[str]:
    return [] if first == second else [f"{_name(first)} and {_name(second)} are of group {group}"]


def _joined(first: Key, second: Key, join: Join) -> str:
    how = f"{join.reason}, correlation {join.correlation:.2f}" if join.reason == "near copy" else join.reason
    return f"{_name(first)} and {_name(second)} ({how})"


def _key(record: Record) -> Key:
    return record.dataset, record.image_id


def _group(record: Record) -> str:
    return f"{record.dataset}/{record.group}"


def _name(key: Key) -> str:
    return "/".join(key)
