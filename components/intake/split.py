"""Harmonised records to one side each: train, val or test, by cluster of relatives, and the proof that none leaks.

Leaves out: which images are relatives (sides/relatives.py), which cluster must keep its side (sides/keeping.py), where
the others go (sides/assignment.py), and external datasets, which are never split.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from components.errors import LeakError, ParamsError
from components.intake.form.records import SPLIT_COLUMNS
from components.intake.sides.assignment import assign_sides
from components.intake.sides.keeping import Datasets, kept_sides
from components.intake.sides.record import NOTHING_ON_RECORD, SidesRecord
from components.intake.sides.relatives import Key, Relatives, find_relatives
from components.params import SplitParams
from components.types import Record


def split(
    datasets: Datasets,
    params: SplitParams,
    *,
    recorded: SidesRecord = NOTHING_ON_RECORD,
    relatives: Relatives | None = None,
) -> pd.DataFrame:
    """Give every record its side.

    Parameters
    ----------
    datasets
        The harmonised records of the internal datasets, by name.
    recorded
        The sides that real images have had so far: they keep them.
    relatives
        The clusters, if they are known already; else they are computed.

    Returns
    -------
    A row an image, sorted: dataset, image_id, group (the name of the cluster, `dataset/group`), split.

    Raises
    ------
    ParamsError
        If phantoms and real images would be mixed without `mix_phantoms`.
    LayoutError
        If a dataset has too few clusters for all three sides.
    LeakError
        If relatives are on record on different sides; or if the result leaks, which would be a fault of this module.
    """
    _refuse_mixture(datasets, params)
    relatives = relatives or find_relatives(datasets)
    kept = kept_sides(datasets, relatives, recorded)
    sides = assign_sides(datasets, params, relatives, kept=kept)
    rows = [
        (record.dataset, record.image_id, cluster, sides[cluster])
        for records in datasets.values()
        for record in records
        for cluster in [relatives.cluster[record.dataset, record.image_id]]
    ]
    frame = pd.DataFrame(rows, columns=list(SPLIT_COLUMNS)).sort_values(["dataset", "image_id"], ignore_index=True)
    assert_no_leak(frame, datasets, relatives=relatives)
    return frame


def _refuse_mixture(datasets: Datasets, params: SplitParams) -> None:
    """Refuse to train on phantoms and patients together; external images, never trained on, are marked in reports."""
    phantom = {name for name, records in datasets.items() if any(record.phantom for record in records)}
    real = {name for name, records in datasets.items() if any(not record.phantom for record in records)}
    if phantom and real and not params.mix_phantoms:
        raise ParamsError(
            f"phantoms ({', '.join(sorted(phantom))}) beside real images ({', '.join(sorted(real))})",
            expected="only real images, or only phantoms",
            remedy="remove the phantom datasets from params.yaml's `datasets`, or set split.mix_phantoms: true",
        )


def assert_no_leak(frame: pd.DataFrame, datasets: Datasets, *, relatives: Relatives | None = None) -> None:
    """Prove that nothing crosses: no group of a contract, no equal pixels, no cluster of near copies.

    Raises
    ------
    LeakError
        Naming the first group that crosses and its images; or an image that has no side, or two.
    """
    side: dict[Key, str] = {}
    for dataset, image_id, kind in frame[["dataset", "image_id", "split"]].itertuples(index=False):
        if (dataset, image_id) in side:
            raise _leak(f"{dataset}/{image_id} stands in the split twice", "one row an image")
        side[dataset, image_id] = kind
    records = [record for several in datasets.values() for record in several]
    keys = {(record.dataset, record.image_id) for record in records}
    if different := sorted(keys ^ set(side)):
        raise _leak(f"{len(different)} images are only in the split or only in the data: {different[:3]}", "the same")
    relatives = relatives or find_relatives(datasets)
    named: dict[str, Callable[[Record], str]] = {
        "group": lambda record: f"{record.dataset}/{record.group}",
        "pixels": lambda record: record.pixels_md5,
        "cluster of near copies": lambda record: relatives.cluster[record.dataset, record.image_id],
    }
    crossing = {what: first for what, name in named.items() if (first := _first_crossing(records, name, side)) >= 0}
    if crossing:
        what = min(crossing, key=crossing.__getitem__)
        name = named[what](records[crossing[what]])
        members = [(one.dataset, one.image_id) for one in records if named[what](one) == name]
        listed = ", ".join(f"{dataset}/{image_id} in {side[dataset, image_id]}" for dataset, image_id in members)
        raise _leak(f"{what} {name} crosses: {listed}", f"every {what} on one side")


def _first_crossing(records: Sequence[Record], named: Callable[[Record], str], side: Mapping[Key, str]) -> int:
    """The place of the first record whose name is also that of one on another side; -1 where there is none."""
    first_of: dict[str, int] = {}
    crossing = len(records)
    for place, record in enumerate(records):
        first = first_of.setdefault(named(record), place)
        other = records[first]
        if side[other.dataset, other.image_id] != side[record.dataset, record.image_id]:
            crossing = min(crossing, first)
    return crossing if crossing < len(records) else -1


def _leak(found: str, expected: str) -> LeakError:
    return LeakError(found, expected=expected, remedy="run the stage `split` again; don't edit its file by hand")
