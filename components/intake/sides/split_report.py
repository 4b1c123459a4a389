"""A finished split to what people read of it: sides by class and size, what is on record, what was joined and why.

Leaves out: dividing (components/intake/split.py).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.artefacts import replacing_folder, write_json, write_text
from components.intake.form.records import SPLITS
from components.intake.sides.assignment import Shares, Sides, target_shares
from components.intake.sides.images import ByKey, Datasets, Images, images_of
from components.intake.sides.joins_sheet import draw_joins
from components.intake.sides.placed import sides_of_rows
from components.intake.sides.record import SIDES, SidesRecord
from components.intake.sides.relatives import Clusters, Join, Relatives, clusters_of
from components.intake.sides.strata import NO_OBJECT, SIZES, strata_of
from components.params import SplitParams

REPORT, TEXT, JOINS, ALL_JOINS = "report.json", "report.md", "joins.png", "joins.csv"
JOIN_COLUMNS = ("first", "second", "reason", "correlation", "split")
SHOWN_PAIRS, LISTED_JOINS = 24, 100
ALL_SIZES = "all"


def write_split_report(
    folder: Path,
    frame: pd.DataFrame,
    datasets: Datasets,
    *,
    params: SplitParams,
    relatives: Relatives,
    recorded: SidesRecord,
) -> dict[str, Any]:
    """Write the report's folder in one piece: report.json, report.md, and joins.csv and joins.png if any are joined."""
    images = images_of(datasets)
    report = split_report(frame, images, params=params, relatives=relatives, recorded=recorded)
    with replacing_folder(folder) as beside:
        write_json(beside / REPORT, report)
        shown = shown_joins(relatives.joins)
        if shown:
            _write_joins(beside / ALL_JOINS, report["joins"])
            title = f"{len(shown)} of {len(relatives.joins)} joined pairs, the least alike first"
            sides = dict(
                zip((join.first for join in relatives.joins), (j["split"] for j in report["joins"]), strict=True)
            )
            draw_joins(beside / JOINS, shown, ByKey(images), sides, title=title)
        write_text(beside / TEXT, report_text(report))
    return report


def _write_joins(path: Path, joins: list[dict[str, Any]]) -> None:
    """All joins as a table, the least alike first."""
    table = pd.DataFrame(joins, columns=list(JOIN_COLUMNS))
    table.sort_values(["correlation", "first", "second"]).to_csv(path, index=False, lineterminator="\n")


def shown_joins(joins: tuple[Join, ...]) -> list[Join]:
    """The pairs worth a look: near copies, the least alike first, then equal pixels; at most `SHOWN_PAIRS`."""
    ordered = sorted(joins, key=lambda join: (join.reason != "near copy", join.correlation, join.first, join.second))
    return ordered[:SHOWN_PAIRS]


def split_report(
    frame: pd.DataFrame,
    datasets: Datasets,
    *,
    params: SplitParams,
    relatives: Relatives,
    recorded: SidesRecord,
) -> dict[str, Any]:
    """What was split how, as JSON values.

    How many images are on record; by dataset and side: images, share, groups; by class and size: images and how many
    they are above (or below) the target; every join with its reason.
    """
    images = images_of(datasets)
    sides, clusters = sides_of_rows(frame, images), clusters_of(images, relatives)
    real = int((~images.phantom).sum())
    new = real - _on_record(images, sides, recorded)
    shares = target_shares(images, params)
    strata = _strata_rows(images, sides, shares)
    return {
        "schema": 2,
        "seed": params.seed,
        "phantom": real < images.count,
        "record": {"on_record": real - new, "new": new, "phantoms": images.count - real},
        "warnings": [warning] if (warning := unkept_warning(new)) else [],
        "datasets": {
            name: {"targets": dict(shares[name])}
            | _sides_of(images.dataset == number, clusters, sides)
            | {"strata": strata[name]}
            for number, name in enumerate(images.names)
        },
        "joins": [
            {
                "first": "/".join(join.first),
                "second": "/".join(join.second),
                "reason": join.reason,
                "correlation": join.correlation,
                "split": SPLITS[sides[images.row(join.first)]],
            }
            for join in relatives.joins
        ],
    }


def _on_record(images: Images, sides: Sides, recorded: SidesRecord) -> int:
    """How many real images have the side that is on record under their name."""
    if not len(recorded):
        return 0
    real = np.flatnonzero(~images.phantom).tolist()
    found = ((row, recorded.named(images.key(row))) for row in real)
    return sum(own is not None and own.split == SPLITS[sides[row]] for row, own in found)


def unkept_warning(images: int) -> str:
    """What to do about so many real images whose sides aren't on record; empty if there are none."""
    if not images:
        return ""
    return (
        f"The sides of {images} real images aren't on record yet, so that they could change when images are added. "
        f"Before anything is trained on them: `sonoforge data keep-sides`, then commit {SIDES.as_posix()}"
    )


def _sides_of(own: NDArray[np.bool_], clusters: Clusters, sides: Sides) -> dict[str, Any]:
    """A dataset's images and groups, in all and by side; `own` (n) says which images are its."""
    images = np.bincount(sides[own], minlength=len(SPLITS))
    _, first, sizes = np.unique(clusters.of[own], return_index=True, return_counts=True)
    groups = np.bincount(sides[own][first], minlength=len(SPLITS))
    by_side = {
        side: {
            "images": int(images[number]),
            "share": round(float(images[number] / images.sum()), 4),
            "groups": int(groups[number]),
        }
        for number, side in enumerate(SPLITS)
    }
    return {"images": int(images.sum()), "groups": len(sizes), "largest_group": int(sizes.max())} | by_side


def _strata_rows(images: Images, sides: Sides, shares: Mapping[str, Shares]) -> dict[str, list[dict[str, Any]]]:
    """By dataset a row for each class, and one for each size in it: images of each side, and above target."""
    number, strata = strata_of(images)
    counted = np.bincount(number * len(SPLITS) + sides, minlength=len(strata) * len(SPLITS))
    counts: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for stratum, found in zip(strata, counted.reshape(-1, len(SPLITS)).tolist(), strict=True):
        for size in (ALL_SIZES, stratum.size):
            counts[stratum.dataset, stratum.subject_class, size].update(dict(zip(SPLITS, found, strict=True)))
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in images.names}
    sizes = (ALL_SIZES, *SIZES, NO_OBJECT)
    for dataset, subject_class, size in sorted(counts, key=lambda key: (*key[:2], sizes.index(key[2]))):
        count = counts[dataset, subject_class, size]
        total = sum(count[side] for side in shares[dataset])
        rows[dataset].append(
            {
                "class": subject_class,
                "size": size,
                "images": {side: count[side] for side in SPLITS},
                "above_target": {
                    side: round(count[side] - share * total, 2) for side, share in shares[dataset].items()
                },
            }
        )
    return rows


def report_text(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    parts = ["# The split"]
    if report["phantom"]:
        parts.append("**PHANTOM.** Images here are made by a generator.")
    parts += [f"**Warning.** {warning}." for warning in report["warnings"]]
    parts += [
        f"Seed {report['seed']}. A group never crosses: patients, videos, related images, and whatever was joined to "
        f"them below. Images on record ({SIDES.as_posix()}) keep their sides; the others are placed so that each class "
        "and size comes as near to the target shares as whole groups allow.",
        _record_words(report["record"]),
        "## Sides",
        _sides_table(report),
        "## By class and size of the largest object (terciles of its share of the frame)",
        "In brackets: how many images above (+) or below (-) the target.",
        _strata_table(report),
        "## What was joined, and why",
        _joins_words(report["joins"]),
    ]
    return "\n\n".join(parts) + "\n"


def _record_words(record: Mapping[str, int]) -> str:
    if not record["on_record"] + record["new"]:
        return f"No real images: {record['phantoms']} phantoms, whose sides are never on record."
    phantoms = f" {record['phantoms']} phantoms have no record." if record["phantoms"] else ""
    return f"On record: {record['on_record']} images. New: {record['new']}.{phantoms}"


def _sides_table(report: Mapping[str, Any]) -> str:
    lines = [_line(["dataset", "images", "groups", "largest group", *SPLITS]), _line(["---"] * 7)]
    for name, dataset in report["datasets"].items():
        cells = [_side_cell(dataset, side) for side in SPLITS]
        counts = [str(dataset[key]) for key in ("images", "groups", "largest_group")]
        lines.append(_line([name, *counts, *cells]))
    return "\n".join(lines)


def _side_cell(dataset: Mapping[str, Any], side: str) -> str:
    images, targets = dataset[side]["images"], dataset["targets"]
    if side not in targets:
        return f"{images} (the authors' set)"
    share = 100 * images / sum(dataset[one]["images"] for one in targets)
    rest = "" if "test" in targets else " of the rest"
    return f"{images} ({share:.1f} %{rest}, target {100 * targets[side]:g} %)"


def _strata_table(report: Mapping[str, Any]) -> str:
    lines = [_line(["dataset", "class", "size", "images", *SPLITS]), _line(["---"] * 7)]
    for name, dataset in report["datasets"].items():
        for row in dataset["strata"]:
            above = row["above_target"]
            cells = [
                f"{count} ({above[side]:+.1f})" if side in above else str(count)
                for side, count in row["images"].items()
            ]
            total = str(sum(row["images"].values()))
            lines.append(_line([name, row["class"] or "none given", row["size"], total, *cells]))
    return "\n".join(lines)


def _joins_words(joins: list[Mapping[str, Any]]) -> str:
    if not joins:
        return "Nothing: beyond the groups of the contracts no equal pixels and no near copies were found."
    reasons = Counter(join["reason"] for join in joins)
    counts = ", ".join(f"{count} by {reason}" for reason, count in sorted(reasons.items()))
    lines = [
        f"{len(joins)} pairs join groups of the contracts: {counts}. The correlation is that of fine structure "
        "(speckle), 1 for equal pixels.",
        f"![Joined pairs, the least alike first]({JOINS})",
        _line(["first", "second", "reason", "correlation", "side"]) + "\n" + _line(["---"] * 5),
    ]
    rows = [
        _line([join["first"], join["second"], join["reason"], f"{join['correlation']:.2f}", join["split"]])
        for join in sorted(joins, key=lambda join: (join["correlation"], join["first"]))[:LISTED_JOINS]
    ]
    lines[-1] += "\n" + "\n".join(rows)
    if len(joins) > LISTED_JOINS:
        lines.append(f"and {len(joins) - LISTED_JOINS} more; [{ALL_JOINS}]({ALL_JOINS}) lists all.")
    return "\n\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
