"""Harmonised records to one side each: train, val or test, by cluster of relatives, and the proof that none leaks.

Leaves out: which images are relatives (sides/relatives.py), which cluster must keep its side (sides/keeping.py), where
the others go (sides/assignment.py), and external datasets, which are never split.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from components.errors import ParamsError
from components.intake.form.records import SPLIT_COLUMNS, SPLITS
from components.intake.sides.assignment import Sides, assign_sides
from components.intake.sides.images import Datasets, Images, Integers, first_of, images_of, numbered
from components.intake.sides.keeping import kept_sides
from components.intake.sides.placed import leak, sides_of_rows
from components.intake.sides.record import NOTHING_ON_RECORD, SidesRecord
from components.intake.sides.relatives import Clusters, Relatives, clusters_of, find_relatives
from components.params import SplitParams


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
    images = images_of(datasets)
    _refuse_mixture(images, params)
    relatives = relatives or find_relatives(images)
    clusters = clusters_of(images, relatives)
    kept = kept_sides(images, relatives, recorded)
    frame = _frame(images, clusters, assign_sides(images, params, clusters, kept=kept))
    assert_no_leak(frame, images, relatives=relatives)
    return frame


def _frame(images: Images, clusters: Clusters, sides: Sides) -> pd.DataFrame:
    """A row an image, by dataset and id."""
    rows = images.in_order
    own = clusters.of[rows].tolist()
    # One column after the other, as each is a list of texts for a moment.
    columns = {
        "dataset": pd.Series([images.names[number] for number in images.dataset[rows].tolist()], dtype="str"),
        "image_id": pd.Series([images.ids[row] for row in rows.tolist()], dtype="str"),
        "group": pd.Series([clusters.names[cluster] for cluster in own], dtype="str"),
        "split": pd.Series([SPLITS[side] for side in sides[own].tolist()], dtype="str"),
    }
    return pd.DataFrame(columns, columns=list(SPLIT_COLUMNS))


def _refuse_mixture(images: Images, params: SplitParams) -> None:
    """Refuse to train on phantoms and patients together; external images, never trained on, are marked in reports."""
    phantom, real = (
        [images.names[number] for number in np.unique(images.dataset[which]).tolist()]
        for which in (images.phantom, ~images.phantom)
    )
    if phantom and real and not params.mix_phantoms:
        raise ParamsError(
            f"phantoms ({', '.join(phantom)}) beside real images ({', '.join(real)})",
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
    images = images_of(datasets)
    side = sides_of_rows(frame, images)
    clusters = clusters_of(images, relatives or find_relatives(images))
    named = {
        "group": (images.group, images.groups),
        "pixels": numbered(images.pixels),
        "cluster of near copies": (clusters.of, clusters.names),
    }
    crossing = {what: first for what, (of, _) in named.items() if (first := _first_crossing(of, side)) >= 0}
    if crossing:
        what = min(crossing, key=crossing.__getitem__)
        of, names = named[what]
        number = of[crossing[what]]
        members = np.flatnonzero(of == number).tolist()
        listed = ", ".join(f"{'/'.join(images.key(row))} in {SPLITS[side[row]]}" for row in members)
        raise leak(f"{what} {names[number]} crosses: {listed}", f"every {what} on one side")


def _first_crossing(of: Integers, side: Sides) -> int:
    """The first row with a number that another one has, too, on another side; -1 where there is none."""
    first = first_of(of)
    crossing = first[side != side[first]]
    return int(crossing.min()) if len(crossing) else -1
