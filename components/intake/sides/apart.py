"""Sets of images that must have nothing in common, to a proof of it: external and internal, test and training.

Four things join two sets: a group, equal pixels, near copies, and a source. Datasets of one source hold the same
patients, whether or not they show the same images, so no comparison of pixels tells; the contracts do
(`same_source_as`). Leaves out: dividing one set into sides (split.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from components.engines import Progress
from components.errors import LeakError
from components.intake.sides.images import Integers, Rows, first_of, numbered
from components.intake.sides.relatives import find_copies
from components.intake.sides.sources import close_sources
from components.journal import Journal
from components.types import Record, Role

_SHOWN = 8


def check_sources(roles: Mapping[str, Role], same_source: Mapping[str, Iterable[str]]) -> None:
    """Make sure that no two datasets of a run hold the same patients, unless both are external.

    Parameters
    ----------
    roles
        The run's datasets.
    same_source
        For each dataset that has a contract, in the run or not, those that it calls the same source: a third may link
        two of the run.

    Raises
    ------
    LeakError
        Naming two datasets of one source of which one trains.
    """
    for linked in close_sources(same_source):
        members = sorted(name for name in linked if name in roles)
        training = [name for name in members if roles[name] == "internal"]
        if training and len(members) > 1:
            other = next(name for name in members if name != training[0])
            where = "is external" if roles[other] == "external" else "is internal too, and would stand on other sides"
            raise LeakError(
                f"{training[0]} trains and {other} {where}, but they hold the same patients (same_source_as)",
                expected="of datasets of one source one alone, or all of them external",
                remedy=f"remove {training[0]} or {other} from params.yaml's `datasets`",
            )


def check_apart(
    external: Sequence[Record],
    internal: Sequence[Record],
    *,
    workers: int = 1,
    progress: Progress | None = None,
    journal: Journal | None = None,
) -> None:
    """Make sure that no external image, group or near copy is among the internal ones.

    `workers`, `progress` and `journal` are those of `find_relatives`.

    Raises
    ------
    LeakError
        Naming what they have in common: dataset and image_id of both of each pair, and their correlation.
    """
    refuse_common(external, internal, between="the external and the internal images")
    copies = find_copies(internal, external, workers=workers, progress=progress, journal=journal)
    if not copies:
        return
    # By dataset and id: many images lie in one shard, so that the shard's name would tell nothing.
    named = [
        f"external {'/'.join(copy.second)} is a near copy of internal {'/'.join(copy.first)}, "
        f"correlation {copy.correlation:.2f}"
        for copy in copies
    ]
    raise LeakError(
        f"{len(copies)} external images have relatives among the internal ones: {_listed(named)}",
        expected="no near copy of an external image near training",
        remedy=(
            "exclude the external image of each pair by `quarantine` in its contract (nothing trains again), or the "
            "internal one in its own, or remove one of the datasets from params.yaml; the raw file of dataset/image_id "
            "stands under image_file in reports/data/<dataset>/facts.parquet"
        ),
    )


def refuse_common(some: Sequence[Record], others: Sequence[Record], *, between: str) -> None:
    """Make sure that two sets of images have no group and no image in common.

    Raises
    ------
    LeakError
        Naming what they have in common.
    """
    rows = Rows(some, others)
    second = np.arange(rows.count) >= len(some)
    # Names of groups are unique within a dataset only; pixels are compared across all.
    groups, pixels = _on_both(rows.group, second), _on_both(numbered(rows.pixels)[0], second)
    if not groups.any() and not pixels.any():
        return
    crossing = {rows.record(row) for row in np.unique(first_of(rows.group)[groups]).tolist()}
    twins = sorted("/".join(rows.key(row)) for row in np.flatnonzero(pixels).tolist())
    named = [f"group {group} of {dataset}" for dataset, group in sorted((one.dataset, one.group) for one in crossing)]
    named += [f"image {twin}" for twin in twins]
    raise LeakError(
        f"{between} have in common: {_listed(named)}",
        expected="no common group and no image twice",
        remedy="remove the copies from one side, or put them into one group, and run the stage `split` again",
    )


def _on_both(numbers: Integers, second: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which elements (n) have a number that stands both among the `second` ones and among the others."""
    size = int(numbers.max(initial=-1)) + 1
    here, there = (np.bincount(numbers[which], minlength=size) > 0 for which in (~second, second))
    return (here & there)[numbers]


def _listed(named: Sequence[str]) -> str:
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more
